-- Renews a lease, and ends those that ran out.
local incarnation, lease = A.incarnation, tonumber(A.lease)
local now = clock()
local leases, dead = P .. 'leases', P .. 'dead'

-- Nobody beat for a while: then it was Redis that was away and not all the nodes, and every lease
-- begins anew.
local last = tonumber(call('GET', P .. 'beat') or now)
if now - last > tonumber(A.silence) then
  for _, each in ipairs(call('ZRANGE', leases, 0, -1)) do
    call('ZADD', leases, digits(now + lease), each)
  end
end
call('SET', P .. 'beat', digits(now))

if not is_alive(incarnation) then
  return { 'refused', 'fenced' }
end
call('ZADD', leases, digits(now + lease), incarnation)

for _, each in ipairs(call('ZRANGEBYSCORE', leases, '-inf', digits(now))) do
  call('ZREM', leases, each)
  call('ZADD', dead, digits(now), each)
  call('HDEL', P .. 'lives', each)
end
return { 'now', digits(now), 'dead', call('ZRANGE', dead, 0, 99) }
