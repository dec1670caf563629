-- A proof of work for a request beyond a limit. KEYS[1] marks the proof as used, KEYS[2] is the limit's key,
-- KEYS[3] counts the proofs of the same network.
-- ARGV: milliseconds for which the mark is kept; microseconds of debt that stay before the request, or -1 if
-- the limit stays as it is; microseconds between requests; the most proofs for which this one is hard
-- enough; milliseconds for which they count after the last one.
-- Returns 1, 0 if the proof was used before or 2 if it is too easy by now, and the debt in microseconds.
local proofs = tonumber(redis.call('GET', KEYS[3]) or '0') or 0
if proofs > tonumber(ARGV[4]) then
  return { 2, '0' }
end
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then
  return { 0, '0' }
end
redis.call('SET', KEYS[3], string.format('%.0f', proofs + 1), 'PX', ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local due = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') or 0, now)
local left = tonumber(ARGV[2])
if left >= 0 then
  due = math.min(due, now + left) + tonumber(ARGV[3])
  redis.call('SET', KEYS[2], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1)
end
return { 1, string.format('%.0f', due - now) }
