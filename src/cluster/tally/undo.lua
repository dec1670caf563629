-- Takes an attempt back. KEYS[1] counts them, and lives as long as before.
if (tonumber(redis.call('GET', KEYS[1]) or '0') or 0) > 0 then
  return redis.call('DECR', KEYS[1])
end
return 0
