-- Removes a holder; `leave` is now, after or within the grace.
return release(A.place, A.user, A.incarnation, A.conn, A.leave, clock()) and 1 or 0
