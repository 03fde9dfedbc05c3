-- Returns a page of balances, each account followed by its balance. ARGV: the page's start and length.
local accounts = redis.call('ZRANGEBYLEX', ACCOUNTS, ARGV[1], '+', 'LIMIT', '0', ARGV[2])
if #accounts == 0 then return {'done'} end
local has = redis.call('HMGET', BALANCES, unpack(accounts))
local page = {'done'}
for at, account in ipairs(accounts) do
  if not has[at] then
    return {'damaged', ACCOUNTS .. ' lists account ' .. account .. ', which has no balance'}
  end
  page[#page + 1] = account
  page[#page + 1] = has[at]
end
return page
