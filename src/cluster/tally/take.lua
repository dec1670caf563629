-- One request of a limit (src/limits/gcra.rs has the same in Rust). KEYS[1] is the limit's own key.
-- ARGV: microseconds between requests, the most at once, 1 to count or 0 to look.
-- Returns whether the request is within the limit, and the debt in microseconds.
local interval, burst, counts = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') or 0, now)
local within = due + interval - now <= interval * burst
if within and counts then
  due = due + interval
  redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1)
end
return { within and 1 or 0, string.format('%.0f', due - now) }
