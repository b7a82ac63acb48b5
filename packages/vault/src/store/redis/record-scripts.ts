import { scriptOf } from './server.ts';

// What must happen in one step. Each script has one key, so that it runs on every server of a cluster, and reads the places
// that `record-text.ts` writes. Redis checks its memory before the first write of a script only.

const head = `
local head = redis.call('GETRANGE', KEYS[1], 0, 41)
local kind = string.sub(head, 1, 1)
local lives = kind ~= '' and tonumber(string.sub(head, 2, 17)) > tonumber(ARGV[1])
local revision = string.sub(head, 18, 37)
local function left()
  if kind ~= 'R' then return '' end
  if string.sub(head, 38, 42) == '00000' then return revision end
  return revision .. redis.call('GETRANGE', KEYS[1], 42, 41 + tonumber(string.sub(head, 38, 42)))
end
`;

/**
 * now, value, when Redis may forget it, guard (`absent`, a revision or empty) → nothing when the guard lost or the name is
 * barred; else revision and owners of what was there, ended or not.
 */
export const putScript = scriptOf(`${head}
if kind == 'B' and lives then return false end
local there = kind == 'R' and lives
if ARGV[4] == 'absent' and there then return false end
if ARGV[4] ~= '' and ARGV[4] ~= 'absent' and not (there and revision == ARGV[4]) then return false end
local was = left()
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
return was
`);

/** now → the value, removed; nothing when there is no living record. */
export const takeScript = scriptOf(`${head}
if kind ~= 'R' or not lives then return false end
local value = redis.call('GET', KEYS[1])
redis.call('UNLINK', KEYS[1])
return value
`);

/**
 * now, end, when Redis may forget it, revision → nothing when there is no living record; revision and owners when it has
 * owners and another revision, and nothing was done; empty when it was extended.
 */
export const extendScript = scriptOf(`${head}
if kind ~= 'R' or not lives then return false end
if string.sub(head, 38, 42) ~= '00000' and revision ~= ARGV[4] then return left() end
redis.call('SETRANGE', KEYS[1], 1, ARGV[2])
redis.call('PEXPIREAT', KEYS[1], ARGV[3])
return ''
`);

/**
 * now, end, when Redis may forget it → revision and owners of what was there. What is removed makes room for the bar, so a
 * full memory does not keep anybody signed in.
 */
export const barScript = scriptOf(`${head}
if kind == 'B' and lives and string.sub(head, 2, 17) >= ARGV[2] then return '' end
local was = left()
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[1], 'B' .. ARGV[2], 'PXAT', ARGV[3])
return was
`);

/** now, end, when Redis may forget it, entry: enter a record with its owner, and drop the entries of ended ones. */
export const enterScript = scriptOf(`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[4])
if redis.call('PEXPIRETIME', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIREAT', KEYS[1], ARGV[3]) end
return ''
`);
