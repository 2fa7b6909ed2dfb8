-- Sets a member's status; returns the username, or nothing where there is no such member.
local place, user, conn, status = unpack(ARGV, 4)

local before = call('HGET', P .. 'info:' .. place, user)
if not before then
  return false
end
local username = string.match(before, '^%a+:(.*)$')
local info = status .. ':' .. username
call('HSET', P .. 'info:' .. place, user, info)
announce('updated', place, user, info, conn, clock())
return username
