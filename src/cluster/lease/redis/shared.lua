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

-- Whether the process of this incarnation holds the lease of this name.
local function lives(name, incarnation)
  return name and incarnation and redis.call('HGET', member_key(name), 'incarnation') == incarnation
end

-- The owner as it is answered, whether it lives or not; nothing if the offering has no entry.
local function entry(offering)
  local found = redis.call('HMGET', entry_key(offering), 'name', 'incarnation', 'address', 'epoch')
  if not found[2] then
    return nil
  end
  return { name = found[1], incarnation = found[2], address = found[3], epoch = found[4] or '0' }
end

local function set_entry(offering, name, incarnation, address, epoch)
  local key = entry_key(offering)
  redis.call('HSET', key, 'name', name, 'incarnation', incarnation, 'address', address, 'epoch', epoch)
  redis.call('PEXPIRE', key, ENTRY_MS)
end
