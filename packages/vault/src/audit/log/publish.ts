import { refuse } from '../../refusal.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { sameHash } from '../../tlog/hash.ts';
import type { Checkpoint } from '../../tlog/checkpoint.ts';
import { rootEvent } from './boundary-leaves.ts';
import { grown, rootOf } from './grow-log.ts';
import { againIfMoved, moved } from './moved.ts';
import { originOf } from './names.ts';
import { rootLog, type Period, type Segments, type StatedHead, type StoredLog } from './segments.ts';
import { turn } from './turns.ts';

// Stating how far logs have grown. First what is stated becomes durable, then the root log says so, durably and beside the
// journal, and only then a checkpoint can be seen: so nothing that anybody was shown can be lost with the power, and what was
// shown is known here for good.

const logsMax = 1024;
const signedAtOnce = 64;
/** Asked for at a time. */
const statedAtOnce = 16;

/** What publishing works with. */
export interface PublishParts {
  readonly sealer: Pick<Sealer, 'deployment' | 'seal' | 'open'>;
  readonly segments: Segments;
  readonly sign: (checkpoint: Checkpoint) => string;
  /** Logs that are never signed again. */
  readonly turnedBack: ReadonlyMap<string, StatedHead>;
  /** Whether the root log itself is older than what was published: then nothing is. @throws when that is not known */
  readonly rootTurnedBack: () => Promise<boolean>;
}

interface Grown {
  readonly period: Period;
  readonly log: StoredLog;
  readonly head: StatedHead;
}

/**
 * Publish a checkpoint of each log that has grown, and one of the root log.
 *
 * @returns logs published; call again while it is over 0
 * @throws Refusal `journal_broken` when a log has less than what was stated of it; `store_unavailable`
 */
export async function publish(parts: PublishParts): Promise<number> {
  if ((await grownLogs(parts)).length === 0) return 0;
  if (await parts.rootTurnedBack()) throw turnedBackNow(originOf(parts.sealer.deployment, rootLog));
  return againIfMoved(() => parts.segments.alone(() => publishGrown(parts)));
}

async function publishGrown(parts: PublishParts): Promise<number> {
  const { sign } = parts;
  const all = await grownLogs(parts);
  for (const period of new Set(all.map((each) => each.period))) await period.flush();
  await state(parts, all);
  for (let at = 0; at < all.length; at += signedAtOnce) {
    const part = all.slice(at, at + signedAtOnce);
    const notes = part.map(({ log, head, period }) => ({
      period,
      note: { scope: log.scope, shard: log.shard, size: head.size, note: sign(head) },
    }));
    for (const [period, own] of Map.groupBy(notes, (each) => each.period))
      await period.note(own.map(({ note }) => note));
    await turn();
  }
  return all.length;
}

/** Logs that have grown since they were last published, the oldest period first. */
async function grownLogs({ segments, sealer, turnedBack }: PublishParts): Promise<readonly Grown[]> {
  const all: Grown[] = [];
  for (const name of await segments.periods()) {
    const period = await segments.period(name);
    for (const log of await period.unnoted(logsMax + turnedBack.size)) {
      const origin = originOf(sealer.deployment, log);
      if (turnedBack.has(origin)) continue;
      all.push({ period, log, head: { origin, size: log.size, root: rootOf(log) } });
    }
  }
  return all;
}

/** Add to the root log what it has not stated yet. */
async function state({ segments, sealer, sign }: PublishParts, all: readonly Grown[]): Promise<void> {
  const news: StatedHead[] = [];
  // Read first: if somebody else states more meanwhile, the root log has grown and takes nothing.
  const before = await segments.root.head();
  const statedOf = await statedHeads(segments, all);
  for (const { period, log, head } of all) {
    const stated = statedOf.get(head.origin);
    if (stated !== undefined && stated.size > head.size) {
      const now = (await period.logs([log.scope])).find(({ shard }) => shard === log.shard);
      throw (now?.size ?? 0) >= stated.size ? moved() : turnedBackNow(head.origin);
    }
    if (stated?.size !== head.size) news.push(head);
    else if (!sameHash(stated.root, head.root)) throw turnedBackNow(head.origin);
  }
  if (news.length === 0) return;
  const parts = { reads: segments.root, sealer };
  const { log: _, rows: __, ...step } = await grown(parts, rootLog, before, { events: news.map(rootEvent) });
  const { size } = step.head;
  const note = sign({ origin: originOf(sealer.deployment, rootLog), size, root: rootOf(step.head) });
  if (!(await segments.root.publish(step, news, note))) throw moved();
}

async function statedHeads(
  { root }: Segments,
  all: readonly Grown[],
): Promise<ReadonlyMap<string, StatedHead | undefined>> {
  const stated = new Map<string, StatedHead | undefined>();
  for (let at = 0; at < all.length; at += statedAtOnce) {
    const origins = all.slice(at, at + statedAtOnce).map(({ head }) => head.origin);
    await Promise.all(origins.map(async (origin) => stated.set(origin, await root.stated(origin))));
  }
  return stated;
}

function turnedBackNow(origin: string) {
  return refuse('journal_broken', 'an audit log lacks what was stated of it before', origin);
}
