-- The code that the scripts of a ledger share. Numbers are strings, because Lua's numbers are doubles.
-- Everything is read and computed before the first write, because Redis does not roll back a script that
-- fails half-way.

local STATE, PENDING, OUTCOMES, BALANCES = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ACCOUNTS, STREAM, BATCH = KEYS[5], KEYS[6], KEYS[7]

-- Lua passes at most about 7,000 arguments to one call.
local PIECE = 3000

local BASE = 1e14

-- Splits a number of at most 42 digits into three limbs of 14 digits, each with the number's sign.
local function limbs(text)
  local sign = 1
  if string.sub(text, 1, 1) == '-' then
    sign, text = -1, string.sub(text, 2)
  end
  text = string.rep('0', 42 - #text) .. text
  return sign * tonumber(string.sub(text, 1, 14)),
    sign * tonumber(string.sub(text, 15, 28)),
    sign * tonumber(string.sub(text, 29, 42))
end

-- Returns the exact sum, or nil if it does not fit in 128 bits.
local function sum(one, other)
  if #one < 15 and #other < 15 then
    return string.format('%.0f', tonumber(one) + tonumber(other))
  end
  local high, middle, low = limbs(one)
  local high_too, middle_too, low_too = limbs(other)
  high, middle, low = high + high_too, middle + middle_too, low + low_too
  if low >= BASE then low, middle = low - BASE, middle + 1 end
  if low <= -BASE then low, middle = low + BASE, middle - 1 end
  if middle >= BASE then middle, high = middle - BASE, high + 1 end
  if middle <= -BASE then middle, high = middle + BASE, high - 1 end
  local leads = high
  if leads == 0 then leads = middle end
  if leads == 0 then leads = low end
  local sign = ''
  if leads < 0 then
    -- `0 - x` instead of `-x`, which would turn zero into negative zero.
    sign, high, middle, low = '-', 0 - high, 0 - middle, 0 - low
  end
  if low < 0 then low, middle = low + BASE, middle - 1 end
  if middle < 0 then middle, high = middle + BASE, high - 1 end
  local last = sign == '' and 3715884105727 or 3715884105728
  if high > 17014118346 or (high == 17014118346
      and (middle > 4692317316873 or (middle == 4692317316873 and low > last))) then
    return nil
  end
  local text = string.format('%014.0f%014.0f%014.0f', high, middle, low)
  text = string.gsub(text, '^0+', '')
  if text == '' then return '0' end
  return sign .. text
end

-- Returns true if the first number is less than the second. Both have at most 20 digits and no sign.
local function less(one, other)
  one, other = string.rep('0', 20 - #one) .. one, string.rep('0', 20 - #other) .. other
  local high, high_too = tonumber(string.sub(one, 1, 10)), tonumber(string.sub(other, 1, 10))
  if high ~= high_too then return high < high_too end
  return tonumber(string.sub(one, 11)) < tonumber(string.sub(other, 11))
end

-- Checks that the user has the rights for all of these calls, because the server itself checks each call
-- only when it is made. Servers before version 7 cannot be asked: see `try`.
local function may(calls)
  if not redis.acl_check_cmd then return nil end
  for _, call in ipairs(calls) do
    if not redis.acl_check_cmd(unpack(call)) then
      return {'refused', 'NOPERM this user may not ' .. string.upper(call[1]) .. ' ' .. call[2]}
    end
  end
end

-- The calls that only read.
local LOOKING = {
  {'hmget', STATE, 'x'}, {'hget', OUTCOMES, 'x'}, {'hmget', BALANCES, 'x'}, {'hlen', BATCH},
  {'zcard', PENDING}, {'zcard', ACCOUNTS}, {'exists', STREAM}, {'xinfo', 'stream', STREAM},
}

-- Returns the stored state of the market, or nil and the reason if it is not valid.
local function state()
  local no = may(LOOKING)
  if no then return nil, no end
  local found = redis.call('HMGET', STATE, 'format', 'token', 'history', 'last', 'noticed')
  if found[1] and found[1] ~= '1' then
    return nil, {'refused', 'the ledger has format ' .. found[1] .. ', and this version reads only format 1: use a newer version'}
  end
  local token = found[2] or '0'
  local noticed = found[5] or '0'
  if not string.find(token, '^%d+$') or #token > 20 or not string.find(noticed, '^%d+$') or #noticed > 15 then
    return nil, {'damaged', STATE .. ': the token or the number of the last notice is not a number'}
  end
  return {token = token, history = found[3], last = found[4], noticed = tonumber(noticed)}
end

-- The calls that change balances.
local POSTING = {
  {'hset', BALANCES, 'x', 'x'}, {'hdel', BALANCES, 'x'},
  {'zadd', ACCOUNTS, '0', 'x'}, {'zrem', ACCOUNTS, 'x'},
}

-- Computes the balances of the accounts after the transfers, which are the arguments from this one on,
-- each `account base quote`. Returns them, or nil and the reason why they cannot be posted.
local function post(first)
  local after = {set = {}, fresh = {}, gone = {}}
  redis.call('ZCARD', ACCOUNTS)
  for from = first, #ARGV, PIECE do
    local accounts, bases, quotes = {}, {}, {}
    for at = from, math.min(from + PIECE - 1, #ARGV) do
      local account, base, quote = string.match(ARGV[at], '^(%S+) (%S+) (%S+)$')
      accounts[#accounts + 1], bases[#bases + 1], quotes[#quotes + 1] = account, base, quote
    end
    local has = redis.call('HMGET', BALANCES, unpack(accounts))
    for at, account in ipairs(accounts) do
      local base, quote = '0', '0'
      if has[at] then
        base, quote = string.match(has[at], '^(%-?%d+) (%-?%d+)$')
        if not base or #base > 40 or #quote > 40 then
          return nil, {'damaged', BALANCES .. ': account ' .. account .. ' has "' .. has[at] .. '", which is not a balance'}
        end
      end
      base, quote = sum(base, bases[at]), sum(quote, quotes[at])
      if not base or not quote then
        return nil, {'refused', 'the balance of account ' .. account .. ' would not fit into 128 bits'}
      end
      if base ~= '0' or quote ~= '0' then
        after.set[#after.set + 1] = account
        after.set[#after.set + 1] = base .. ' ' .. quote
        if not has[at] then
          after.fresh[#after.fresh + 1] = '0'
          after.fresh[#after.fresh + 1] = account
        end
      elseif has[at] then
        after.gone[#after.gone + 1] = account
      end
    end
  end
  return after
end

-- On servers before version 7, makes each kind of write once in a way that changes nothing, so that a
-- missing right is found before the first real write.
local function try()
  if redis.acl_check_cmd then return end
  redis.call('HSET', STATE, 'format', '1')
  redis.call('HDEL', BALANCES, '')
  redis.call('ZADD', ACCOUNTS, 'XX', '0', '')
  redis.call('ZREM', ACCOUNTS, '')
end

local function in_pieces(words, call, key)
  for from = 1, #words, 2 * PIECE do
    redis.call(call, key, unpack(words, from, math.min(from + 2 * PIECE - 1, #words)))
  end
end

local function write(after)
  in_pieces(after.set, 'HSET', BALANCES)
  in_pieces(after.fresh, 'ZADD', ACCOUNTS)
  in_pieces(after.gone, 'HDEL', BALANCES)
  in_pieces(after.gone, 'ZREM', ACCOUNTS)
end
