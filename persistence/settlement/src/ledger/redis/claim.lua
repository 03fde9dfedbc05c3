-- Claims a market. ARGV: the floor; the new token is above it.
local now, no = state()
if no then return no end
local highest = now.token
if less(highest, ARGV[1]) then highest = ARGV[1] end
if highest == '18446744073709551615' then
  return {'refused', 'the market has used its highest token, so it cannot be claimed any more'}
end
local token = sum(highest, '1')
redis.call('HSET', STATE, 'format', '1', 'token', token)
return {'done', token, now.history or '', now.last or ''}
