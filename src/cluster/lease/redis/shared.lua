-- Stands before every script. KEYS[1] is what all keys begin with; its hash tag keeps them together.
local base = KEYS[1]

-- An entry whose owner has gone is worth nothing; this only keeps such entries from piling up.
local ENTRY_MS = 24 * 60 * 60 * 1000

local function entry_key(offering)
  return base .. 'owner:' .. offering
end

local function member_key(name)
  return base .. 'member:' .. name
end

-- What does not look as these scripts write it was put there by somebody else. It is taken away:
-- everything here is learned again, and one bad value must not stop all instances.
local removed = {}

local function tell_removed(key)
  key = key:gsub('[^ -~]', '?')
  redis.log(redis.LOG_WARNING, 'admitone: removed ' .. key .. ', which is not as admitone writes it')
  table.insert(removed, key)
end

local function remove(key)
  redis.call('DEL', key)
  tell_removed(key)
end

local function expect(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then
    remove(key)
  end
end

local function is_id(text)
  return text and #text == 36 and not text:find('[^%x-]')
end

-- Names and addresses.
local function is_plain(text)
  return text and #text > 0 and #text <= 300 and not text:find('[^!-~]')
end

-- Of so many digits at most: 9 fit into 32 bits, 19 into 64.
local function is_number(text, digits)
  return text and #text <= digits and text:find('^%d+$')
end

-- The lease of this name, or nothing.
local function lease(name)
  local key = member_key(name)
  expect(key, 'hash')
  local found = redis.call('HMGET', key, 'incarnation', 'address', 'weight', 'leaving', 'beat', 'grant')
  local left = redis.call('PTTL', key)
  if left == -2 then
    return nil
  end
  local incarnation, address, weight, leaving, beat, grant = unpack(found, 1, 6)
  local whole = is_plain(name) and is_id(incarnation) and is_plain(address)
    and is_number(weight, 4) and is_number(leaving, 1) and is_number(beat, 19) and is_plain(grant)
  -- One that never runs out would be that of an instance that never dies.
  if not whole or left == -1 then
    remove(key)
    return nil
  end
  return { incarnation = incarnation, address = address, weight = weight, leaving = leaving,
    beat = beat, grant = grant, left = left }
end

-- Whether the process of this incarnation holds the lease of this name.
local function lives(name, incarnation)
  expect(member_key(name), 'hash')
  return redis.call('HGET', member_key(name), 'incarnation') == incarnation
end

-- The owner as it is answered, whether it lives or not; nothing if the offering has no entry.
local function entry(offering)
  local key = entry_key(offering)
  expect(key, 'hash')
  local name, incarnation, address, epoch =
    unpack(redis.call('HMGET', key, 'name', 'incarnation', 'address', 'epoch'), 1, 4)
  if is_plain(name) and is_id(incarnation) and is_plain(address) and is_number(epoch, 19) then
    return { name = name, incarnation = incarnation, address = address, epoch = epoch }
  end
  if redis.call('EXISTS', key) == 1 then
    remove(key)
  end
  return nil
end

local function set_entry(offering, name, incarnation, address, epoch)
  local key = entry_key(offering)
  redis.call('HSET', key, 'name', name, 'incarnation', incarnation, 'address', address, 'epoch', epoch)
  redis.call('PEXPIRE', key, ENTRY_MS)
end
