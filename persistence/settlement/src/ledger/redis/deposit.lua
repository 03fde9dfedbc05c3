-- Adds a batch to the inbox. ARGV: id, digest, the batch's member in the inbox, and the batch.
local id, digest, place, text = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local _, no = state()
if no then return no end
local settled = redis.call('HGET', OUTCOMES, id)
local known = settled and string.match(settled, '%x+$') or redis.call('HGET', BATCH, 'digest')
redis.call('ZCARD', PENDING)
if known == digest then return {'known'} end
if known then return {'conflict', known} end
no = may({{'hset', BATCH, 'x', 'x'}, {'zadd', PENDING, '0', 'x'}, {'hset', STATE, 'x', 'x'}})
if no then return no end
redis.call('HSET', STATE, 'format', '1')
redis.call('HSET', BATCH, 'digest', digest, 'batch', text)
redis.call('ZADD', PENDING, '0', place)
return {'fresh'}
