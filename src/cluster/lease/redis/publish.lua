-- offering, our name, incarnation, address and epoch
local offering, name, incarnation, address, epoch = unpack(ARGV)
local found = entry(offering)
local older = not found or tonumber(found.epoch) < tonumber(epoch)
if older or (tonumber(found.epoch) == tonumber(epoch) and found.incarnation == incarnation) then
  set_entry(offering, name, incarnation, address, epoch)
  return { incarnation, address, epoch }
end
return { found.incarnation, found.address, found.epoch }
