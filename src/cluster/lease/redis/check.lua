-- Whether scripts run here, may write, and may do so under our keys. Takes a random number.
redis.call('SET', base .. 'check', ARGV[1], 'PX', 1000)
return redis.call('GET', base .. 'check')
