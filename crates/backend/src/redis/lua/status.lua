-- Sets a member's status; returns the username, or nothing where there is no such member.
local place, user = A.place, A.user

local before = call('HGET', P .. 'info:' .. place, user)
if not before then
  return false
end
local username = string.match(before, '^%a+:(.*)$')
local info = A.status .. ':' .. username
call('HSET', P .. 'info:' .. place, user, info)
announce('updated', place, user, info, A.conn, clock())
return username
