-- Removes a holder.
local place, user, incarnation, conn, at_once = unpack(ARGV, 4)
return release(place, user, incarnation, conn, at_once == '1', clock()) and 1 or 0
