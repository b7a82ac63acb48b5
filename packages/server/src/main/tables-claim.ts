import { setTimeout as sleep } from 'node:timers/promises';
import type { Records, Revision } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import type { Log } from '../log.ts';

// Who works on the tables: one instance alone, or several that share a Redis. Never both, and never two that are each alone:
// neither would hear of what the other changes. A record on the tables says which, renewed by whoever runs. Whether it is
// still renewed is found out by watching it, so no clock has to agree with another.

/** How a claim is kept; milliseconds. */
export interface ClaimTimes {
  readonly renewMs: number;
  /** A claim that was not renewed for so long is given up. */
  readonly leaseMs: number;
  /** Between two looks at somebody else's claim. */
  readonly lookMs: number;
}

/** What {@link claimTables} needs. */
export interface ClaimParts {
  /** On the tables, sealed, of the deployment itself. */
  readonly records: Records;
  /** `several`: others that share a Redis may run as well. */
  readonly how: 'alone' | 'several';
  /** Of the data directory that this process has locked: whoever claimed from there before is gone. */
  readonly place: string;
  readonly log: Log;
  /** Told when somebody else has the tables now: this instance has to stop. */
  readonly lost: () => void;
  readonly now: () => number;
  readonly times?: ClaimTimes | undefined;
}

interface Claim {
  readonly how: 'alone' | 'several';
  readonly place: string;
}

interface Found extends Claim {
  readonly revision: Revision;
}

const usual: ClaimTimes = { renewMs: 5_000, leaseMs: 30_000, lookMs: 500 };
const name = 'claim';
/** When a record of a claim goes by itself, long after it counts no more. */
const keptMs = 600_000;

/**
 * Claim the tables, and keep the claim. Waits for the claim of an instance that is gone to run out.
 *
 * @returns gives it back
 * @throws Refusal `deployment_in_use`, `store_unavailable`
 */
export async function claimTables(parts: ClaimParts): Promise<() => Promise<void>> {
  const { log, lost, times = usual } = parts;
  let held = await claim(parts, times);
  let renewing: Promise<void> | undefined;
  const again = async (): Promise<void> => {
    const renewed = await renew(parts, held);
    if (renewed !== undefined) return void (held = renewed);
    clearInterval(timer);
    log.error('another instance has taken over the tables: this one stops');
    lost();
  };
  const timer = setInterval(() => {
    renewing ??= again()
      .catch((error: unknown) => log.warn({ err: error }, 'the claim on the tables could not be renewed'))
      .finally(() => (renewing = undefined));
  }, times.renewMs).unref();
  return async () => {
    clearInterval(timer);
    await renewing;
    // The others of several go on; a claim that was lost is somebody else's.
    if (parts.how === 'alone') await write(parts, held, parts.now() + 1).catch(() => undefined);
  };
}

async function claim(parts: ClaimParts, times: ClaimTimes): Promise<Revision> {
  for (;;) {
    const found = await read(parts);
    const theirs = found !== undefined && found.place !== parts.place;
    const beside = found?.how === 'several' && parts.how === 'several';
    if (theirs && !beside && (await isRenewed(found, parts, times))) throw inUse(found.how, parts.how);
    // Whoever else writes first is looked at anew.
    const written = await write(parts, found?.revision, parts.now() + keptMs);
    if (written !== undefined) return written;
  }
}

/** Whether somebody renews it. Takes as long as that takes to be found out. */
async function isRenewed(found: Found, parts: ClaimParts, { leaseMs, lookMs }: ClaimTimes): Promise<boolean> {
  const seconds = Math.ceil(leaseMs / 1000);
  // Loud enough for a command, which logs errors alone: it would seem to hang.
  parts.log.error(
    `others worked on these tables until just now: waiting up to ${seconds} s whether they are gone`,
  );
  const endMs = performance.now() + leaseMs;
  // Time alone says nothing after a machine on which both stood still: whoever runs gets the turns to renew it, too.
  const enough = leaseMs / lookMs / 2;
  for (let looks = 0; looks < enough || performance.now() < endMs; looks += 1) {
    await sleep(lookMs);
    const next = await read(parts);
    if (next === undefined) return false;
    if (next.revision !== found.revision) return true;
  }
  return false;
}

/** @returns the revision to renew next; `undefined`: the claim is lost */
async function renew(parts: ClaimParts, held: Revision): Promise<Revision | undefined> {
  const endsAtMs = parts.now() + keptMs;
  const written = await write(parts, held, endsAtMs);
  if (written !== undefined) return written;
  // It was written before and the answer was lost, another one of several has renewed it, or it ended while this machine slept.
  const found = await read(parts);
  if (found === undefined) return write(parts, undefined, endsAtMs);
  const ours = found.how === parts.how && (parts.how === 'several' || found.place === parts.place);
  return ours ? found.revision : undefined;
}

async function read({ records }: ClaimParts): Promise<Found | undefined> {
  const stored = await records.get(name);
  if (stored === undefined) return undefined;
  const { how, place } = JSON.parse(Buffer.from(stored.bytes).toString('utf8')) as Claim;
  return { how, place, revision: stored.revision };
}

/** @param over revision of what is there; `undefined`: nothing is */
function write(
  { records, how, place }: ClaimParts,
  over: Revision | undefined,
  endsAtMs: number,
): Promise<Revision | undefined> {
  const guard = over === undefined ? ({ ifAbsent: true } as const) : { ifRevision: over };
  return records.put(name, Buffer.from(JSON.stringify({ how, place })), { endsAtMs, guard });
}

function inUse(there: Claim['how'], here: Claim['how']): Error {
  const set = 'set REDIS_URL and ADVERTISE_URL';
  if (there === 'several')
    return refuse(
      'deployment_in_use',
      `other instances with a Redis work on these tables: ${set} here as well`,
    );
  if (here === 'several')
    return refuse(
      'deployment_in_use',
      `an instance without a Redis works on these tables: stop it, or ${set} there as well`,
    );
  return refuse(
    'deployment_in_use',
    `another instance works on these tables, and without a Redis one has to be alone: stop it, or ${set} on both`,
  );
}
