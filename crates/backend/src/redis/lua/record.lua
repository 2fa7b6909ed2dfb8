-- A record, if there is one.
local version, value = unpack(call('HMGET', P .. 'record:' .. A.name, 'version', 'value'))
return version and { 'version', version, 'value', value }
