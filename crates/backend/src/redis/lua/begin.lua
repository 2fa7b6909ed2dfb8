-- Begins a life in this partition, after the `former` one, if any. `born` names what was here when
-- its node began one before, if it did, else `new` does from now on. `known`: places in logs that
-- were given out, as JSON; `floor`: what the node found as one before. Returns what it finds now.
local now, here, state = clock(), server(), P .. 'state'
call('HSETNX', state, 'born', A.new)
local born, before = unpack(call('HMGET', state, 'born', 'server'))
if A.born ~= '' and A.born ~= born and floor() == 0 then
  -- Everything was lost. No log gives a `seq` again that it may have given before.
  call('HSET', state, 'floor', beyond_all())
  call('HSET', P .. 'sweep', 'last', digits(now), 'from', digits(now + A.lease + A.grace))
elseif floor() < tonumber(A.floor) then
  -- It was found out, and that was lost in a failover.
  call('HSET', state, 'floor', A.floor)
end
if before and before ~= here then
  call('HSET', state, 'closed', digits(now + A.lease))
end
call('HSET', state, 'server', here)
if call('HEXISTS', P .. 'lives', A.former) == 1 then
  call('HSET', P .. 'lives', A.former, 'over')
end
call('HSET', P .. 'lives', A.incarnation, here)
for _, place in ipairs(cjson.decode(A.known)) do
  renew(unpack(place))
end
return { 'born', born, 'floor', digits(floor()) }
