-- Where a room and its user are in two partitions: adds it to the user's rooms, of which there may be
-- `most`; entered `at`. Without `at`: only asks whether there may be one more.
if not is_alive(A.incarnation) then
  return { 'refused', 'fenced' }
elseif not may_note() then
  return { 'refused', 'too_many_rooms' }
elseif A.at ~= '' then
  note_room(A.at)
end
return { 'known', 1 }
