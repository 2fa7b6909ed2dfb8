-- How many private rooms of the root namespace a user may join, and the oldest of them: its own, and
-- those that its token vouches for. `vouched` is empty, or JSON: `names` that are of this partition,
-- and `patterns`, each as the parts between its stars. These are compared with the oldest rooms only,
-- `looked` of them.
local limit = tonumber(A.limit)
local own = P .. 'own:' .. A.user
local mine = call('ZCARD', own)
if mine == 0 and A.vouched == '' then
  return false
end
local rooms = limit > 0 and mine > 0 and call('ZRANGE', own, 0, limit - 1, 'WITHSCORES') or {}
if A.vouched == '' then
  return listing(rooms, mine)
end

local seen, found = {}, {}
for n = 1, #rooms, 2 do
  seen[rooms[n]] = true
  found[#found + 1] = { rooms[n], rooms[n + 1] }
end
local total = mine

local function add(place, created)
  if not seen[place] then
    seen[place] = true
    -- Where not all of its own were read, it may be one of the others.
    if mine == #rooms / 2 or not call('ZSCORE', own, place) then
      found[#found + 1] = { place, created }
      total = total + 1
    end
  end
end

-- As `pattern.rs` does: no part is tried at two places, so it takes no longer than it must.
local function matches(parts, name)
  local first, last = parts[1], parts[#parts]
  if string.sub(name, 1, #first) ~= first then
    return false
  end
  local from = #first + 1
  for n = 2, #parts - 1 do
    local _, to = string.find(name, parts[n], from, true)
    if not to then
      return false
    end
    from = to + 1
  end
  return #name - #last + 1 >= from and string.sub(name, #name - #last + 1) == last
end

local function matches_any(patterns, name)
  for _, parts in ipairs(patterns) do
    if matches(parts, name) then
      return true
    end
  end
  return false
end

local vouched = cjson.decode(A.vouched)
for _, name in ipairs(vouched.names) do
  local created = call('ZSCORE', P .. 'private', '/#' .. name)
  if created then
    add('/#' .. name, created)
  end
end
if #vouched.patterns > 0 then
  local oldest = call('ZRANGE', P .. 'private', 0, A.looked - 1, 'WITHSCORES')
  for n = 1, #oldest, 2 do
    if matches_any(vouched.patterns, string.sub(oldest[n], 3)) then
      add(oldest[n], oldest[n + 1])
    end
  end
end

table.sort(found, function(a, b)
  local at, bt = tonumber(a[2]), tonumber(b[2])
  return at < bt or at == bt and a[1] < b[1]
end)
rooms = {}
for n = 1, math.min(#found, limit) do
  rooms[2 * n - 1], rooms[2 * n] = found[n][1], found[n][2]
end
return listing(rooms, total)
