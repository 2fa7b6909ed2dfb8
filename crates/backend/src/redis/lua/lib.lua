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

-- Microseconds since the epoch, later than all before in this partition.
local function stamp()
  local time = call('TIME')
  local last = tonumber(call('HGET', P .. 'state', 'stamp') or 0)
  local at = digits(math.max(time[1] * 1000000 + time[2], last + 1))
  call('HSET', P .. 'state', 'stamp', at)
  return at
end

-- "/chat#room", but not "/chat", "/chat@user#1" or "/chat!stream#1".
local function is_room(topic)
  return string.match(topic, '[#@!]') == '#'
end

-- When the room was created, which tells it from others of its name; 0 for what is none.
local function created(topic)
  return call('HGET', P .. 'room:' .. topic, 'created') or 0
end

local function member_key(kind, place, user)
  return P .. kind .. ':' .. place .. '\n' .. user
end

-- The key of a user's rooms, where the user is in this partition, and the name of one among them.
local function user_rooms(place, user)
  local online, room = string.match(place, '^([^#]*)#(.*)$')
  return member_key('rooms', online, user), room
end

-- Names the server that this runs on: another one after a failover, or a restart.
local run_id
local function server()
  if not run_id then
    local info = call('INFO', 'server')
    local _, before = string.find(info, 'run_id:', 1, true)
    run_id = string.sub(info, before + 1, before + 40)
  end
  return run_id
end

-- Whether a life has begun on this server, and is not over: only then may it do anything.
local function is_alive(incarnation)
  return call('HGET', P .. 'lives', incarnation) == server()
end

-- Above every `seq` that was given until now: there is no topic with more than one message in each
-- millisecond since 2026.
local function beyond_all()
  return digits(clock() - 1767225600000)
end

-- Somebody may have known of more than the logs hold, and did not live to tell: what is stored from
-- now on leaps over it.
local function leap()
  call('HSET', P .. 'state', 'leap', beyond_all())
end

-- Whether a life has not told what it knew when a failover came, by where it began last.
local function is_unheard(there)
  return there and there ~= 'over' and there ~= server()
end

-- Whether other nodes may still know of more than the logs hold: after a failover, until each has
-- begun anew or a lease has run out. Whoever finds that one has makes the logs leap.
local function is_closed()
  local state, lives = P .. 'state', P .. 'lives'
  local at, closed = unpack(call('HMGET', state, 'server', 'closed'))
  if at and at ~= server() then
    return true
  elseif not closed then
    return false
  end
  local late = tonumber(closed) <= clock()
  local all = call('HGETALL', lives)
  for n = 1, #all, 2 do
    if is_unheard(all[n + 1]) then
      if not late then
        return true
      end
      leap()
      call('HSET', lives, all[n], 'over')
    end
  end
  call('HDEL', state, 'closed', 'dumped')
  return false
end

-- Above every `seq` that was given before everything was lost, if it ever was.
local function floor()
  return tonumber(call('HGET', P .. 'state', 'floor') or 0)
end

-- Below this nothing is stored any more.
local function lowest()
  local lost, untold = unpack(call('HMGET', P .. 'state', 'floor', 'leap'))
  return math.max(tonumber(lost or 0), tonumber(untold or 0))
end

-- The log of this partition that all nodes follow.
local function followed_log()
  return '~presence:' .. string.match(P, '{p(%d+)}:$')
end

-- Begins a log beyond every `seq` that was ever given in this topic. Arguments: its `epoch`.
local function begin_log(topic)
  local past = tonumber(call('GET', P .. 'past:' .. topic) or 0)
  local base = math.max(past, lowest())
  call('HSET', P .. 'head:' .. topic, 'epoch', A.epoch, 'base', digits(base), 'seq', digits(base))
end

-- A log goes on under another epoch. Some former ones are kept, to tell its own places from those
-- of other logs of that name.
local function rename_log(head, epoch, renewed)
  local former = epoch .. ' ' .. (call('HGET', head, 'former') or '')
  call('HSET', head, 'epoch', renewed, 'former', string.sub(former, 1, 200))
end

-- Begins a new life of a log, beyond a place that was given out in this topic. If the place was one
-- of this log, it has lost its tail. If there is none, it may have been lost as a whole, and begin
-- again. Arguments: for how long it is remembered how far it had come (`past`).
local function renew(topic, epoch, seq, renewed)
  local head = P .. 'head:' .. topic
  local now, last, former = unpack(call('HMGET', head, 'epoch', 'seq', 'former'))
  if not now then
    local past = P .. 'past:' .. topic
    if tonumber(call('GET', past) or 0) < tonumber(seq) then
      call('SET', past, seq, 'PX', A.past)
    end
    return
  elseif tonumber(last) >= tonumber(seq) then
    return
  end
  rename_log(head, now, renewed)
  call('HSET', head, 'seq', seq)
  if now ~= epoch and not string.find(former or '', epoch, 1, true) then
    call('HSET', head, 'base', seq)
  end
end

-- A log that began after everything was lost, and before that was found out, goes on above the floor,
-- and any log above what nobody lived to tell of. Arguments: its `epoch` then.
local function raise_log(topic)
  local head, base = P .. 'head:' .. topic, lowest()
  local epoch, seq = unpack(call('HMGET', head, 'epoch', 'seq'))
  if epoch and tonumber(seq) < base then
    rename_log(head, epoch, A.epoch)
    call('HSET', head, 'base', digits(base), 'seq', digits(base))
  end
end

-- Before something is stored. What the nodes follow is appended to also while others may know of more
-- of it: under another epoch.
local function mend_log(topic, head)
  raise_log(topic)
  if string.sub(topic, 1, 1) == '~' and is_closed() and call('HGET', head, 'server') ~= server() then
    rename_log(head, call('HGET', head, 'epoch'), A.epoch)
    call('HSET', head, 'server', server())
  end
end

-- Takes the next place in the topic's log, stores what `text` makes of it and publishes it. The
-- body is what `wire.rs` reads. Trimming `~` works in blocks of a hundred entries, which is cheap.
-- Arguments: the `epoch` of the log if it is new, and how many entries to `keep`.
local function store(topic, header, text)
  local head = P .. 'head:' .. topic
  if call('EXISTS', head) == 0 then
    begin_log(topic)
  else
    mend_log(topic, head)
  end
  local epoch = call('HGET', head, 'epoch')
  local seq = digits(call('HINCRBY', head, 'seq', 1))
  local id = epoch .. '-' .. seq
  local body = id .. '\n' .. header .. '\n' .. text(id, seq)
  call('XADD', P .. 'log:' .. topic, 'MAXLEN', '~', A.keep, seq .. '-0', 'b', body)
  call('PUBLISH', P .. 'ch:' .. topic, body)
  return epoch, seq
end

