-- Begins a life in this partition, after the `former` one, if any. `again`: its node had begun one
-- before. `known`: places in logs that were given out, as JSON.
local now, here, state = clock(), server(), P .. 'state'
local before = call('HGET', state, 'server')
if not before and A.again == '1' then
  -- Everything was lost. No log gives a `seq` again that it may have given before: there is no
  -- topic with more than one message in each millisecond since 2026.
  call('HSET', state, 'floor', digits(now - 1767225600000))
  call('HSET', P .. 'sweep', 'last', digits(now), 'from', digits(now + A.lease + A.grace))
elseif before and before ~= here then
  call('HSET', state, 'closed', digits(now + A.lease))
end
call('HSET', state, 'server', here)
if A.former ~= '' then
  call('HDEL', P .. 'lives', A.former)
end
call('HSET', P .. 'lives', A.incarnation, here)
for _, place in ipairs(cjson.decode(A.known)) do
  renew(unpack(place))
end
return 1
