-- Posts or drops a batch. ARGV: id, digest, history, epoch, the previous epoch, token, `posted` or
-- `dropped`, the batch's member in the inbox, the batch, and then its transfers.
local id, digest, history, epoch, before = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local token, deed, place, text = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local now, no = state()
if no then return no end
local settled = redis.call('HGET', OUTCOMES, id)
if settled then
  local done, known = string.match(settled, '^(%l+) %d+ %d+ (%x+)$')
  if not done then
    return {'damaged', OUTCOMES .. ': batch ' .. id .. ' has "' .. settled .. '", which is not an outcome'}
  end
  if known == digest then return {'duplicate', done} end
  return {'conflict', known}
end
if less(token, now.token) then return {'fenced', now.token} end
if now.history ~= history then return {'unseeded'} end
if now.last ~= before then return {'gap', now.last or ''} end

local number = string.format('%.0f', now.noticed + 1)
if redis.call('EXISTS', STREAM) == 1 then
  local about = redis.call('XINFO', 'STREAM', STREAM)
  for at = 1, #about, 2 do
    local last = about[at] == 'last-generated-id' and string.match(about[at + 1], '^%d+')
    if last and not less(last, number) then
      return {'damaged', STREAM .. ' has the entry ' .. last .. ', which this ledger did not write'}
    end
  end
end
local after = {set = {}, fresh = {}, gone = {}}
if deed == 'posted' then
  after, no = post(10)
  if no then return no end
  no = may(POSTING)
  if no then return no end
end
redis.call('ZCARD', PENDING)
redis.call('HLEN', BATCH)
no = may({
  {'hset', STATE, 'x', 'x'}, {'hset', OUTCOMES, 'x', 'x'}, {'zrem', PENDING, 'x'},
  {'hdel', BATCH, 'x'}, {'xadd', STREAM, '1-0', 'x', 'x'},
})
if no then return no end

try()
redis.call('XADD', STREAM, number .. '-0', 'id', id, 'outcome', deed, 'epoch', epoch, 'token', token,
  'digest', digest, 'batch', text)
redis.call('HSET', OUTCOMES, id, deed .. ' ' .. epoch .. ' ' .. token .. ' ' .. digest)
write(after)
redis.call('HSET', STATE, 'token', token, 'last', epoch, 'noticed', number)
redis.call('ZREM', PENDING, place)
redis.call('HDEL', BATCH, 'digest', 'batch')
return {'done'}
