-- Before every script.
--
-- KEYS[1] is the prefix of a partition, say "starling:{p3}:". A script builds its other keys from
-- it. That is safe in a Redis Cluster, as all of them carry the same hash tag and hence live in the
-- slot that KEYS[1] routes to.
local P = KEYS[1]
local call = redis.call

-- The arguments by name: ARGV is name, value, name, value, as `script.rs` sends it. Asking for one
-- that was not sent is an error. A reply of several fields is name, value, name, value as well; one
-- that refuses is { 'refused', why }.
local A = setmetatable({}, {
  __index = function(_, name) error('no argument ' .. name) end,
})
for n = 1, #ARGV, 2 do
  A[ARGV[n]] = ARGV[n + 1]
end

-- Milliseconds since the epoch, by Redis' own clock: gateways' clocks differ.
local function clock()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Lua would write large numbers as 1e+15.
local function digits(number)
  return string.format('%.0f', number)
end

-- "/chat#room", but not "/chat" or "/chat@user#1".
local function is_room(topic)
  return string.match(topic, '[#@]') == '#'
end

-- Takes the next place in the topic's log, stores what `text` makes of it and publishes it. The
-- body is what `wire.rs` reads. Trimming `~` works in blocks of a hundred entries, which is cheap.
-- Arguments: the `epoch` of the log if it is new, and how many entries to `keep`.
local function store(topic, header, text)
  local head = P .. 'head:' .. topic
  local known = call('HGET', head, 'epoch')
  if not known then
    known = A.epoch
    call('HSET', head, 'epoch', known)
  end
  local seq = digits(call('HINCRBY', head, 'seq', 1))
  local id = known .. '-' .. seq
  local body = id .. '\n' .. header .. '\n' .. text(id, seq)
  call('XADD', P .. 'log:' .. topic, 'MAXLEN', '~', A.keep, seq .. '-0', 'b', body)
  call('PUBLISH', P .. 'ch:' .. topic, body)
  return known, seq
end

