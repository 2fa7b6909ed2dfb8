-- Removes a member, whoever holds it, and remembers for `window` that nobody is to be restored who
-- entered before. Returns when.
local at = stamp()
call('SET', member_key('evicted', A.place, A.user), at, 'PX', A.window)
remove(A.place, A.user, clock(), nil)
return at
