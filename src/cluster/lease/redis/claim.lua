-- offering, our name, incarnation and address, then the incarnations met dead
local offering, name, incarnation, address = unpack(ARGV, 1, 4)
if not lives(name, incarnation) then
  return { 'no lease' }
end

local found = entry(offering)
if found and found.incarnation ~= incarnation and lives(found.name, found.incarnation) then
  local dead = false
  for i = 5, #ARGV do
    dead = dead or ARGV[i] == found.incarnation
  end
  if not dead then
    return { 'owned', found.incarnation, found.address, found.epoch }
  end
end

set_entry(offering, name, incarnation, address, found and found.epoch or '0')
return { 'granted' }
