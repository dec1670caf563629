-- offering, our incarnation, then the other's name, incarnation and address
local offering, from, name, incarnation, address = unpack(ARGV)
local found = entry(offering)
if not found or found.incarnation ~= from or not lives(name, incarnation) then
  return 0
end
set_entry(offering, name, incarnation, address, found.epoch)
return 1
