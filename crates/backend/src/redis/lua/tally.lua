-- What was counted until now, and for which choice a member, if any.
local data, choices, closed = unpack(call('HMGET', tally, 'data', 'choices', 'closed'))
return data and {
  'data', data, 'closed', closed and 1 or 0, 'counts', counts_of(choices),
  'own', call('HGET', votes, A.member) or '',
}
