-- name, incarnation
if lives(ARGV[1], ARGV[2]) then
  redis.call('DEL', member_key(ARGV[1]))
  redis.call('SREM', base .. 'members', ARGV[1])
end
return 0
