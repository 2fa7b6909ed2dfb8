-- Renews or begins a lease, and ends those that ran out.
local incarnation, lease = A.incarnation, tonumber(A.lease)
local now = clock()
local leases, dead = P .. 'leases', P .. 'dead'

-- Nobody beat for a while: then it was Redis that was away and not all the nodes, and every lease
-- begins anew.
local last = tonumber(call('GET', P .. 'beat') or now)
if now - last > tonumber(A.silence) then
  for _, each in ipairs(call('ZRANGE', leases, 0, -1)) do
    call('ZADD', leases, now + lease, each)
  end
end
call('SET', P .. 'beat', digits(now))

-- A lease that was begun and is neither there nor over was wiped away, and more with it.
local wiped = A.renews == '1' and not call('ZSCORE', leases, incarnation)
if wiped or call('EXISTS', P .. 'fenced:' .. incarnation) == 1 then
  return { 'refused', 'fenced' }
end
call('ZADD', leases, now + lease, incarnation)

for _, each in ipairs(call('ZRANGEBYSCORE', leases, '-inf', now)) do
  call('ZREM', leases, each)
  call('ZADD', dead, now, each)
  call('SET', P .. 'fenced:' .. each, 1, 'PX', A.fence)
end
return { 'now', digits(now), 'dead', call('ZRANGE', dead, 0, 99) }
