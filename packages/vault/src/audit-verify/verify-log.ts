import { tileWidth } from '../tlog/tile-paths.ts';
import { findingSource, openFindings, type Finding, type Findings, type LogState } from './findings.ts';
import { parseShardOrigin, rootFolder, rootOrigin } from './layout.ts';
import { readNamed } from './leaves.ts';
import { openNumbers } from './numbers.ts';
import { openLog, type ExaminedLog, type Progress } from './open-log.ts';
import { openShard, type Shard } from './shard.ts';
import type { LogSource } from './source.ts';
import { checkSuccession } from './succession.ts';
import { readKnown, readTrust, type Known, type Trust } from './trust.ts';

// Verifies an audit log with nothing but what was published of it. The log over all logs is walked first: whatever it names is
// the log, whatever it ever said of a shard must be a state that the shard went through.

/** What a verdict may rest on beside the log. */
export interface VerifyOptions {
  /** Verifier keys that are trusted; `undefined` trusts those that the log names itself. */
  readonly vkeys?: readonly string[];
  /** Checkpoints of earlier verdicts, as signed: {@link LogVerdict.notes}. */
  readonly remembered?: readonly string[];
  /** Checkpoints that were noted elsewhere, as signed; those beside the log are read anyway. */
  readonly anchors?: readonly string[];
  /** Only these tenants, as they stand in paths (`scopePart`); `undefined` for all. The log over all logs is verified anyway. */
  readonly scopes?: readonly string[];
  readonly progress?: (progress: Progress) => void;
  /** A bound on memory: so many statements of the log over all logs are held before its shards are walked up to them. */
  readonly statementsMax?: number;
}

/** What was found. */
export interface LogVerdict {
  readonly state: LogState;
  readonly findings: readonly Finding[];
  /** `given` when it rests on keys from elsewhere; `stated`: it only says that the log agrees with itself. */
  readonly keys: 'given' | 'stated';
  /** Logs that were found, the one over all logs included. */
  readonly logs: number;
  /** Logs that it names and that were not looked at: of other tenants than those asked for. */
  readonly left: number;
  /** Entries of the shards. */
  readonly entries: number;
  /** Disclosed bodies that were compared. */
  readonly bodies: number;
  /** Signed checkpoints of every log that is whole and right: to be remembered, and compared with next time. */
  readonly notes: readonly string[];
}

/** 20 MB or so. */
const statementsMax = 100_000;

/**
 * Verify a log.
 *
 * @throws Refusal `log_invalid` when a key that was given is no verifier key
 */
export async function verifyLog(source: LogSource, options: VerifyOptions = {}): Promise<LogVerdict> {
  const findings = openFindings();
  const reader = findingSource(source, findings);
  const trust = await readTrust(reader, options.vkeys, findings);
  if (trust === undefined)
    return verdict({ findings, keys: 'stated', root: undefined, whole: [], shards: [], left: 0 });
  const { remembered = [], anchors = [] } = options;
  const known = await readKnown(reader, trust, { remembered, anchors, findings });
  const shards = openShards({ source: reader, findings, trust, known, options });
  const root = await openLog({
    ...trust,
    source: reader,
    findings,
    origin: rootOrigin(trust.deployment),
    folder: rootFolder,
    known: known.get(rootOrigin(trust.deployment)) ?? [],
    progress: options.progress,
    onBundle: (log, index, entries) => shards.named(log, index, entries ?? []),
  });
  if (root === undefined)
    return verdict({ findings, keys: trust.keys, root, whole: [], shards: [], left: 0 });
  const whole = (await root.finish()) ? [root] : [];
  whole.push(...(await shards.finish(root.isComplete())));
  return verdict({ findings, keys: trust.keys, root, whole, shards: shards.all(), left: shards.left() });
}

interface ShardsParts {
  readonly source: LogSource;
  readonly findings: Findings;
  readonly trust: Trust;
  readonly known: ReadonlyMap<string, readonly Known[]>;
  readonly options: VerifyOptions;
}

function openShards({ source, findings, trust, known, options }: ShardsParts) {
  const shards = new Map<string, Shard>();
  const left = new Set<string>();
  const numbers = openNumbers();
  const isNamed = (scope: string): boolean => [...shards.values()].some(({ name }) => name.scope === scope);
  let held = 0;
  async function take(root: ExaminedLog, leaf: Uint8Array, index: number): Promise<void> {
    const named = readNamed(leaf);
    const name = named && parseShardOrigin(trust.deployment, named.origin);
    if (named === undefined || name === undefined)
      return root.see({ state: 'tampered', index, says: 'an entry names no log of this deployment' });
    const { origin } = named;
    if (options.scopes?.includes(name.scope) === false) return void left.add(origin);
    const of = { known: known.get(origin) ?? [], progress: options.progress };
    const shard =
      shards.get(origin) ?? (await openShard(name, named, { ...trust, source, findings, numbers, ...of }));
    shards.set(origin, shard);
    if (named.size < shard.last.size)
      return root.see({ state: 'tampered', index, says: 'a log is named smaller than before' });
    shard.last = named;
    shard.log?.expect({ ...named, by: 'the log over all logs' });
    held += 1;
    return undefined;
  }
  return {
    all: () => [...shards.values()],
    left: () => left.size,
    async named(root: ExaminedLog, bundle: number, leaves: readonly Uint8Array[]): Promise<void> {
      for (const [place, leaf] of leaves.entries()) await take(root, leaf, bundle * tileWidth + place);
      if (held < (options.statementsMax ?? statementsMax)) return;
      for (const { log, last } of shards.values()) await log?.catchUp(last.size);
      held = 0;
    },
    /** @param complete whether every entry of the log over all logs was read @returns those that are whole and right */
    async finish(complete: boolean): Promise<ExaminedLog[]> {
      const whole: ExaminedLog[] = [];
      for (const { log } of shards.values()) if ((await log?.finish()) === true) whole.push(log!);
      // A log that is not named may be named where the entries are missing: that much was told already.
      if (!complete) return whole;
      checkSuccession([...shards.values()], findings);
      // Numbers go through all logs: where one is not whole, or was not asked for, nobody can say which are missing.
      if (left.size === 0 && whole.length === shards.size) numbers.finish(findings);
      for (const scope of options.scopes ?? []) if (!isNamed(scope)) findings.add(unknown(scope));
      for (const origin of known.keys()) if (isMissing(origin)) findings.add(missing(origin));
      return whole;
    },
  };
  function isMissing(origin: string): boolean {
    const name = parseShardOrigin(trust.deployment, origin);
    return name !== undefined && options.scopes?.includes(name.scope) !== false && !shards.has(origin);
  }
}

function unknown(scope: string): Finding {
  return { state: 'unreadable', says: `the log over all logs names no log of ${scope}` };
}

function missing(log: string): Finding {
  return {
    state: 'tampered',
    log,
    says: 'the log is known from elsewhere, and the log over all logs does not name it',
  };
}

interface Found {
  readonly findings: Findings;
  readonly keys: Trust['keys'];
  readonly root: ExaminedLog | undefined;
  readonly whole: readonly ExaminedLog[];
  readonly shards: readonly Shard[];
  readonly left: number;
}

function verdict({ findings, keys, root, whole, shards, left }: Found): LogVerdict {
  return {
    state: findings.state(),
    findings: findings.list(),
    keys,
    logs: (root === undefined ? 0 : 1) + shards.length,
    left,
    entries: shards.reduce((sum, { log }) => sum + (log?.head.size ?? 0), 0),
    bodies: shards.reduce((sum, shard) => sum + shard.bodies(), 0),
    notes: whole.map(({ note }) => note),
  };
}
