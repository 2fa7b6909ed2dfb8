//! What a test does to the data of a Redis behind the nodes' back.

use super::server;

/// Runs a script with the prefix of the keys on each server.
pub(crate) fn eval(ports: &[u16], script: &str, prefix: &str) -> Vec<String> {
    let said = ports
        .iter()
        .map(|port| server::cli(*port, &["EVAL", script, "0", prefix]));
    let lines: Vec<_> = said
        .flat_map(|said| said.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| !line.is_empty())
        .collect();
    assert!(!lines.iter().any(|line| line.contains("ERR")), "{lines:?}");
    lines
}

pub(crate) const WIPE: &str = "
    for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
      redis.call('DEL', key)
    end";

/// A copy has the same hash tag, and hence the same slot.
pub(crate) const SNAPSHOT: &str = "
    for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
      redis.call('COPY', key, '~' .. key)
    end";

/// For the scripts this is another server: it has another name than the one that they noted. `@` is
/// what the keys that are concerned begin with.
pub(crate) const FAIL_OVER: &str = "
    for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '@*')) do
      redis.call('DEL', key)
    end
    for _, copy in ipairs(redis.call('KEYS', '~' .. ARGV[1] .. '@*')) do
      local key = string.sub(copy, 2)
      redis.call('RENAME', copy, key)
      if string.match(key, '}:state$') then
        redis.call('HSET', key, 'server', 'former')
      elseif string.match(key, '}:lives$') then
        for _, life in ipairs(redis.call('HKEYS', key)) do
          if redis.call('HGET', key, life) ~= 'over' then
            redis.call('HSET', key, life, 'former')
          end
        end
      end
    end";

pub(crate) const KEYS: &str = "
    local own = { state = 1, sweep = 1, lives = 1, leases = 1, beat = 1, partitions = 1 }
    local left = {}
    for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
      local name = string.match(key, '}:(.*)$')
      if redis.call('TTL', key) < 0 and not own[name] and not string.match(name, '~presence') then
        left[#left + 1] = key
      end
    end
    return left";
