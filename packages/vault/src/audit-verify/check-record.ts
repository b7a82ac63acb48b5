import { hash } from 'node:crypto';
import { entryOf, isEventLeaf, personIn } from '../audit/leaf/entry-of.ts';
import { leafHash, sameHash } from '../tlog/hash.ts';
import type { TrustedLeaves } from '../tlog/trusted-tiles.ts';
import { commitmentTo } from './bodies.ts';
import type { ExportRecord } from './export-form.ts';
import { scopeIn, scopePart, type ShardName } from './layout.ts';
import { commitmentOf } from './leaves.ts';

// One entry of an export: its leaf is where it says, the body is what the leaf commits to, the person's part is what the body
// commits to, and the entry is made of these three.

/** An entry, as it was recorded. */
export type ExportedEntry = ReturnType<typeof entryOf>;

/** A log that exported entries stand in. */
export interface ExportShard {
  readonly origin: string;
  readonly name: ShardName;
  /** `undefined` when its checkpoint is missing or does not hold. */
  readonly head: { readonly size: number; readonly leaves: TrustedLeaves } | undefined;
  /** Entries that were found in it. */
  readonly seen: Set<number>;
}

/** What came out. */
export interface CheckedRecord {
  readonly entry: ExportedEntry;
  /** `unnamed`: all but who asked. */
  readonly proven: 'all' | 'unnamed' | 'nothing';
  /** What is wrong; `undefined`: nothing. */
  readonly wrong: string | undefined;
}

/**
 * Check one.
 *
 * @param shard `undefined` when the export names no such log
 * @throws Refusal `log_invalid` for a tile, `open_failed` for parts that are no entry's
 */
export async function checkRecord(
  record: ExportRecord,
  shard: ExportShard | undefined,
): Promise<CheckedRecord> {
  const { leaf = '', ix, entry } = record;
  if (entry !== undefined && ix === undefined) return { entry: asEntry(entry), ...nothing };
  if (ix === undefined || shard === undefined)
    return { entry: madeOf(record, ''), proven: 'nothing', wrong: says.noLog };
  const tenant = scopeIn(shard.name.scope) ?? record.tenant ?? '';
  const misplaced =
    scopePart(tenant) === shard.name.scope ? await misplacement(leaf, ix, shard) : says.otherTenant;
  if (entry !== undefined) {
    const told = asEntry(entry);
    return { entry: told, proven: 'nothing', wrong: misplaced ?? disagreement(told, tenant, leaf) };
  }
  const proven = shard.head === undefined ? 'nothing' : isNamed(record) ? 'all' : 'unnamed';
  return { entry: madeOf(record, tenant), proven, wrong: misplaced ?? uncommitted(record) };
}

const nothing = { proven: 'nothing', wrong: undefined } as const;
const says = {
  noLog: 'an entry is of no log that the export names',
  otherTenant: 'an entry is in the log of another tenant',
  outside: 'an entry lies behind the end of its log',
  otherLeaf: 'an entry is not the one in its place',
  twice: 'an entry stands there twice',
  otherEntry: 'an entry is not what its place says',
  otherBody: 'a body is not what its entry commits to',
  otherPerson: 'who asked is not what the body commits to',
} as const;

async function misplacement(
  leaf: string,
  ix: number,
  { head, seen }: ExportShard,
): Promise<string | undefined> {
  if (head === undefined) return undefined;
  if (ix >= head.size) return says.outside;
  const there = await head.leaves.leafHash(ix);
  if (!isEventLeaf(leaf) || !sameHash(there, leafHash(Buffer.from(leaf)))) return says.otherLeaf;
  if (seen.has(ix)) return says.twice;
  seen.add(ix);
  return undefined;
}

/** What an entry without a body says otherwise than its leaf. A request may stand there as a tag. */
function disagreement(told: ExportedEntry, tenant: string, leaf: string): string | undefined {
  const clear = Object.entries(entryOf(tenant, leaf, '')).filter(([key]) => key !== 'corr');
  const given = told as unknown as Readonly<Record<string, unknown>>;
  return clear.every(([key, value]) => given[key] === value) ? undefined : says.otherEntry;
}

function uncommitted({ leaf = '', salt = '', body = '', who }: ExportRecord): string | undefined {
  if (commitmentOf(Buffer.from(leaf)) !== commitmentTo(Buffer.from(salt, 'base64url'), body))
    return says.otherBody;
  const other = who !== undefined && personIn(body)?.pc !== hash('sha256', who, 'base64url');
  return other ? says.otherPerson : undefined;
}

function isNamed({ body = '', who }: ExportRecord): boolean {
  return who !== undefined || personIn(body) === undefined;
}

function madeOf({ leaf = '', body = '', who, said }: ExportRecord, tenant: string): ExportedEntry {
  return entryOf(tenant, leaf, body, who ?? said);
}

function asEntry(entry: NonNullable<ExportRecord['entry']>): ExportedEntry {
  return entry as unknown as ExportedEntry;
}
