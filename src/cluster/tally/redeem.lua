-- A proof of work for a limit. KEYS[1] marks the proof as used, KEYS[2] is the limit's key.
-- ARGV: milliseconds for which the mark is kept, microseconds of debt that are left.
-- Returns 1, or 0 if the proof was used before.
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then
  return 0
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local due = tonumber(redis.call('GET', KEYS[2]) or '0') or 0
local left = tonumber(ARGV[2])
if due > now + left then
  due = now + left
  redis.call('SET', KEYS[2], string.format('%.0f', due), 'PX', math.ceil(left / 1000) + 1)
end
return 1
