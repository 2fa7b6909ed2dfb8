-- Before every script of a tally. Of one there are, ending at the same time,
--   tally:<topic>  hash  data, choices, ends (in milliseconds), closed (where it is); of each choice
--                        that somebody made, by its number, how many did
--   votes:<topic>  hash  user -> choice
local tally, votes = P .. 'tally:' .. A.topic, P .. 'votes:' .. A.topic

local function counts_of(choices)
  local counts = {}
  for choice = 0, choices - 1 do
    counts[choice + 1] = call('HGET', tally, choice) or '0'
  end
  return counts
end

-- Publishes the counts on the `channel`, between what comes `before` them and `after` them. A channel is
-- no key: it may be of another partition.
local function tell(counts)
  local total = 0
  for _, count in ipairs(counts) do
    total = total + count
  end
  call('PUBLISH', A.channel, A.before .. '"counts":[' .. table.concat(counts, ',') .. '],"total":'
    .. digits(total) .. A.after)
end
