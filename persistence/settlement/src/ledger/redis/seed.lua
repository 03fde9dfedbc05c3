-- Starts a market. ARGV: history and last epoch, the history and last epoch that they replace (empty if
-- there are none), token, and then the amounts to add, in the form of transfers.
local history, last, history_before, last_before, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now, no = state()
if no then return no end
if now.history == history and now.last == last then return {'done'} end
if less(token, now.token) then
  return {'refused', 'the market is claimed with token ' .. now.token .. ', which is above ours, ' .. token}
end
local function position(a_history, an_epoch)
  if a_history == '' then return 'nothing' end
  return 'epoch ' .. an_epoch .. ' of history ' .. a_history
end
local now_history, now_last = now.history or '', now.last or ''
if now_history ~= history_before or now_last ~= last_before then
  return {'refused', 'the last settled epoch of the market is ' .. position(now_history, now_last)
    .. ', not ' .. position(history_before, last_before) .. ' as expected'}
end
local after
after, no = post(6)
if no then return no end
no = may(POSTING) or may({{'hset', STATE, 'x', 'x'}})
if no then return no end
try()
redis.call('HSET', STATE, 'format', '1', 'token', token, 'history', history, 'last', last)
write(after)
return {'done'}
