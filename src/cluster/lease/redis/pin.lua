-- offering, and the name of an instance or nothing
expect(base .. 'pins', 'hash')
if ARGV[2] then
  redis.call('HSET', base .. 'pins', ARGV[1], ARGV[2])
else
  redis.call('HDEL', base .. 'pins', ARGV[1])
end
return 0
