-- Removes some of the members whose grace is over; returns how many.
local lease, silence = tonumber(A.lease), tonumber(A.silence)

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
if now < from then
  return 0
end

local due = call('ZRANGEBYSCORE', P .. 'due', '-inf', now, 'WITHSCORES', 'LIMIT', 0, A.batch)
for n = 1, #due, 2 do
  local place, user = string.match(due[n], '^(.-)\n(.*)$')
  remove(place, user, due[n + 1] - GRACE, nil)
  call('ZREM', P .. 'due', due[n])
end
return #due / 2
