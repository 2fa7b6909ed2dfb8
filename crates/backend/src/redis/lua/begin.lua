-- Begins a life in this partition, after the `former` one, if any. `born` names what was here when
-- its node began one before, if it did, else `new` does from now on. `known`: places in logs that
-- were given out, as JSON; `untold`: of what was given until then, there may be some that
-- no node can tell of; `floor`: what the node found as one before. Returns what it finds now.
local now, here, state, lives = clock(), server(), P .. 'state', P .. 'lives'
if call('HSETNX', state, 'born', A.new) == 1 then
  call('HSET', state, 'born_at', digits(now))
end
local born, before, closed, joined =
  unpack(call('HMGET', state, 'born', 'server', 'closed', 'joined'))
-- The last signs of life. All that was given before is here, also where this is a copy.
local newest = math.max(joined or 0, call('HGET', P .. 'sweep', 'last') or 0)
if A.born ~= '' and A.born ~= born and floor() == 0 then
  -- Everything was lost. No log gives a `seq` again that it may have given before.
  call('HSET', state, 'floor', beyond_all())
  call('HSET', P .. 'sweep', 'last', digits(now), 'from', digits(now + A.lease + A.grace))
elseif floor() < tonumber(A.floor) then
  -- It was found out, and that was lost in a failover.
  call('HSET', state, 'floor', A.floor)
end
if before and before ~= here then
  if not closed then
    -- Else not all have told yet what the copy before this one lacked.
    call('HSET', state, 'dumped', digits(newest))
  end
  call('HSET', state, 'closed', digits(now + A.lease))
end
call('HSET', state, 'server', here)

local there, dumped = call('HGET', lives, A.former), call('HGET', state, 'dumped')
if dumped and there ~= here and tonumber(A.untold) > tonumber(dumped) then
  leap()
end
if not there or there == 'over' then
  -- Whoever finds a copy that was made before would not wait for this node to tell.
  call('HSET', state, 'joined', digits(math.max(now, newest + 1)))
else
  call('HSET', lives, A.former, 'over')
end
call('HSET', lives, A.incarnation, here)
for _, place in ipairs(cjson.decode(A.known)) do
  renew(unpack(place))
end
-- What all nodes follow is there from the first life on: who has heard nothing of one such log is to see
-- that another has taken its place.
local followed = followed_log()
if call('EXISTS', P .. 'head:' .. followed) == 0 then
  begin_log(followed)
end
return { 'born', born, 'floor', digits(floor()) }
