-- offering, our incarnation
local found = entry(ARGV[1])
if found and found.incarnation == ARGV[2] then
  redis.call('DEL', entry_key(ARGV[1]))
end
return 0
