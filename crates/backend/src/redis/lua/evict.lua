-- Removes a member, whoever holds it.
local place, user = unpack(ARGV, 4)
return remove(place, user, clock(), nil) and 1 or 0
