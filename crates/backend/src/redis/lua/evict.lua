-- Removes a member, whoever holds it, and remembers for `window` that nobody is to be restored who
-- entered before. All nodes are ordered to let go the user's connections: of a namespace at once;
-- of a room by a note, which is returned, as the user is in another partition. `rooms`: those that
-- a user of a namespace has been put out of just now.
local place, user = A.place, A.user
local at = stamp()
call('SET', member_key('evicted', place, user), at, 'PX', A.window)
if A.rooms ~= '[]' and call('HEXISTS', P .. 'info:' .. place, user) == 1 then
  call('SET', member_key('left', place, user), A.rooms, 'NX')
end
remove(place, user, clock(), nil)

if is_room(place) then
  local note = place .. '\n' .. user .. '\n' .. at .. '\nevicted'
  call('ZADD', P .. 'forget', digits(clock()), note)
  return note
end
order('{"disconnect":{"user":' .. A.user_json .. ',"at":' .. at .. '}}')
return ''
