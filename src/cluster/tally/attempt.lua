-- One attempt of a few. KEYS[1] counts them. ARGV: the most, milliseconds for which they count, 1 to count
-- them from the first one on or 0 from the last.
-- Returns the number of this attempt and 0, or 0 and the milliseconds for which there can be no more.
local count = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
if count >= tonumber(ARGV[1]) then
  return { 0, math.max(redis.call('PTTL', KEYS[1]), 1) }
end
if count > 0 and ARGV[3] == '1' then
  return { redis.call('INCR', KEYS[1]), 0 }
end
redis.call('SET', KEYS[1], string.format('%.0f', count + 1), 'PX', ARGV[2])
return { count + 1, 0 }
