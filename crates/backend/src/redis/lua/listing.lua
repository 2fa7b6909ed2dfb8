-- Before the scripts that list rooms.

-- What is said of the rooms that a list names: { place, created, place, created, ... }.
local function listing(rooms, total)
  local places, created, members = {}, {}, {}
  for n = 1, #rooms, 2 do
    local at = (n + 1) / 2
    places[at], created[at] = rooms[n], rooms[n + 1]
    members[at] = call('ZCARD', P .. 'order:' .. rooms[n])
  end
  return { 'total', total, 'places', places, 'created', created, 'members', members }
end
