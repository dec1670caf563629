-- name, incarnation, address, weight, leaving, ttl in ms, who of that name is dead, two fresh random
-- numbers, this process's renewals so far
local name, incarnation, address, weight, leaving = unpack(ARGV, 1, 5)
local ttl, dead, fresh_grant, fresh_memory, beats = unpack(ARGV, 6, 10)
local key = member_key(name)

expect(base .. 'memory', 'string')
if not is_number(redis.call('GET', base .. 'memory') or '0', 19) then
  remove(base .. 'memory')
end
redis.call('SET', base .. 'memory', fresh_memory, 'NX')
expect(base .. 'members', 'set')
redis.call('SADD', base .. 'members', name)

local held = lease(name)
local grant = ''
if not held or held.incarnation == incarnation or held.incarnation == dead then
  local beat = '0'
  if held and held.incarnation == incarnation then
    grant, beat = held.grant, held.beat
  else
    grant = fresh_grant
    redis.call('DEL', key)
    redis.call('HSET', key, 'incarnation', incarnation, 'grant', grant)
  end
  -- Never back, not even after the store was emptied: a renewal is what clears a suspicion.
  local next_beat = math.max(tonumber(beat) + 1, tonumber(beats))
  redis.call('HSET', key, 'address', address, 'weight', weight, 'leaving', leaving, 'beat', next_beat)
  redis.call('PEXPIRE', key, ttl)
end

local members = {}
for _, one in ipairs(redis.call('SMEMBERS', base .. 'members')) do
  local its = lease(one)
  if its then
    table.insert(members,
      { one, its.incarnation, its.address, its.weight, its.leaving, its.beat, its.left })
  else
    redis.call('SREM', base .. 'members', one)
  end
end

expect(base .. 'pins', 'hash')
local pins = redis.call('HGETALL', base .. 'pins')
local sound_pins = {}
for i = 1, #pins, 2 do
  if is_id(pins[i]) and is_plain(pins[i + 1]) then
    table.insert(sound_pins, { pins[i], pins[i + 1] })
  else
    redis.call('HDEL', base .. 'pins', pins[i])
    tell_removed(base .. 'pins ' .. pins[i])
  end
end

return { grant, redis.call('GET', base .. 'memory'), members, sound_pins, removed }
