-- Recognises a repeat, else stores and publishes a draft.
local topic, epoch, keep, once, window, header, head, tail = unpack(ARGV)

if is_room(topic) and call('EXISTS', P .. 'room:' .. topic) == 0 then
  return { 'no_room' }
end

local key = P .. 'once:' .. once
if once ~= '' then
  local first = call('GET', key)
  if first then
    local known, seq = string.match(first, '^(.*)-(%d+)$')
    -- What was said in an earlier life of the room is not in this one's log.
    if known == call('HGET', P .. 'head:' .. topic, 'epoch') then
      return { 'ok', known, seq, 1 }
    end
  end
end

local known, seq = store(topic, epoch, keep, header, function(id, seq)
  return head .. '"id":"' .. id .. '","seq":' .. seq .. ',' .. tail
end)
if once ~= '' then
  call('SET', key, known .. '-' .. seq, 'PX', window)
end
return { 'ok', known, seq, 0 }
