-- offering
local found = entry(ARGV[1])
if not found or not lives(found.name, found.incarnation) then
  return {}
end
return { { found.incarnation, found.address, found.epoch } }
