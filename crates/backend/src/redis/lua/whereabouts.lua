-- A user's info, if it is a member of the namespace, and its rooms.
return {
  'info', call('HGET', P .. 'info:' .. A.place, A.user) or '',
  'rooms', call('HKEYS', member_key('rooms', A.place, A.user)),
}
