-- Removes some of the members whose grace is over; returns how many. Also claims, for a while, some
-- of the rooms that are to be taken from their users' rooms, and names the lives that did not begin
-- anew after a failover. `untold`: should a copy take over that is older, there may be things given
-- until then that no node can tell of. Such a copy does not know the life that joined last, or it is
-- `stale`. `lowest`: below this nothing is stored any more.
local lease, silence = tonumber(A.lease), tonumber(A.silence)

if not is_alive(A.incarnation) then
  return { 'refused', 'fenced' }
end

local now = clock()
local state = P .. 'sweep'
local last, from = unpack(call('HMGET', state, 'last', 'from'))
last, from = tonumber(last), tonumber(from or 0)
if not last then
  -- New, or wiped: all nodes must find out and enter everything anew first.
  from = now + lease + GRACE
elseif now - last > silence then
  -- Nobody swept, so it was us who were away: whoever wants to come back can do so only now.
  from = math.max(from, now + lease)
end
call('HSET', state, 'last', digits(now), 'from', digits(from))

local due = {}
if now >= from then
  due = call('ZRANGEBYSCORE', P .. 'due', '-inf', digits(now), 'WITHSCORES', 'LIMIT', 0, A.batch)
end
for n = 1, #due, 2 do
  local place, user = string.match(due[n], '^(.-)\n(.*)$')
  remove(place, user, due[n + 1] - GRACE, nil)
  call('ZREM', P .. 'due', due[n])
end

local forget = call('ZRANGEBYSCORE', P .. 'forget', '-inf', digits(now), 'LIMIT', 0, A.batch)
for _, each in ipairs(forget) do
  call('ZADD', P .. 'forget', digits(now + A.claim), each)
end
-- They are over, also if that was known already and lost in the failover.
local lost, closed = {}, call('HGET', P .. 'state', 'closed')
if closed and tonumber(closed) <= now then
  local lives = call('HGETALL', P .. 'lives')
  for n = 1, #lives, 2 do
    if lives[n + 1] ~= server() then
      lost[#lost + 1] = lives[n]
    end
  end
  if #lost == 0 then
    call('HDEL', P .. 'state', 'closed', 'dumped')
  end
end
local untold = math.max(call('HGET', P .. 'state', 'joined') or 0, now - A.stale)
return {
  'removed', #due / 2, 'forget', forget, 'lost', lost, 'untold', digits(untold),
  'lowest', digits(lowest()),
}

