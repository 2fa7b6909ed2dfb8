-- Removes a member, whoever holds it.
return remove(A.place, A.user, clock(), nil) and 1 or 0
