-- name, incarnation, address, weight, leaving, ttl in ms, who of that name is dead, two fresh random
-- numbers, this process's renewals so far
local name, incarnation, address, weight, leaving = unpack(ARGV, 1, 5)
local ttl, dead, fresh_grant, fresh_memory, beats = unpack(ARGV, 6, 10)
local key = member_key(name)

redis.call('SET', base .. 'memory', fresh_memory, 'NX')
redis.call('SADD', base .. 'members', name)

local holder = redis.call('HGET', key, 'incarnation')
local grant = ''
if not holder or holder == incarnation or holder == dead then
  if holder ~= incarnation then
    redis.call('DEL', key)
    redis.call('HSET', key, 'incarnation', incarnation, 'grant', fresh_grant, 'beat', 0)
  end
  -- Never back, not even after the store was emptied: a renewal is what clears a suspicion.
  local beat = math.max(tonumber(redis.call('HGET', key, 'beat')) + 1, tonumber(beats))
  redis.call('HSET', key, 'address', address, 'weight', weight, 'leaving', leaving, 'beat', beat)
  redis.call('PEXPIRE', key, ttl)
  grant = redis.call('HGET', key, 'grant')
end

local members = {}
for _, one in ipairs(redis.call('SMEMBERS', base .. 'members')) do
  local lease = redis.call('HMGET', member_key(one), 'incarnation', 'address', 'weight', 'leaving', 'beat')
  if lease[1] then
    local left = redis.call('PTTL', member_key(one))
    table.insert(members, { one, lease[1], lease[2], lease[3], lease[4], lease[5], left })
  else
    redis.call('SREM', base .. 'members', one)
  end
end

return { grant, redis.call('GET', base .. 'memory'), members, redis.call('HGETALL', base .. 'pins') }
