-- Removes a holder.
local gone = release(A.place, A.user, A.incarnation, A.conn, A.at_once == '1', clock())
return gone and 1 or 0
