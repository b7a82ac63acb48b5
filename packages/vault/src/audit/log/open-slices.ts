import type { Sealer } from '../../keys/sealer.ts';
import { noLines, openBodyLines } from './bodies.ts';
import type { Lines } from './packed-lines.ts';
import type { LogName, PartSlice, Period } from './segments.ts';
import { unlessShredded } from './unless-shredded.ts';

/** Slices of one log that are kept open: an attempt and its outcome lie in neighbours at most, mostly. */
const ofLogMax = 3;
/** Logs of which slices are kept open. */
const logsMax = 128;

/** Leaves that lie together, with their bodies; `''`: it has none, or its keys are gone or do not open. */
export interface OpenSlice {
  leaf(ix: number): string;
  body(ix: number): string;
}

/** Slices that are open. */
export interface OpenSlices {
  /** The one that holds a leaf, when it is open. */
  at(log: LogName, ix: number): OpenSlice | undefined;
  /** Open it. @throws Refusal as `openBodyLines`, `store_unavailable` */
  open(period: Period, log: LogName, ix: number): Promise<OpenSlice>;
}

interface Held extends OpenSlice {
  readonly first: number;
  readonly end: number;
}

/**
 * None is open yet.
 *
 * @param isClosed told of a scope and why its bodies do not open: whether they are left out then
 */
export function openSlices(
  sealer: Pick<Sealer, 'open'>,
  isClosed: (scope: string, error: unknown) => boolean,
): OpenSlices {
  const open = new Map<string, Held[]>();
  const bodiesOf = async (log: LogName, { first, leaves, bodies }: PartSlice): Promise<Lines> => {
    const { count } = leaves;
    const none = (): Lines => noLines(count);
    try {
      return await unlessShredded(openBodyLines(sealer, log, { first, count, bodies }), none);
    } catch (error) {
      if (isClosed(log.scope, error)) return none();
      throw error;
    }
  };
  return {
    at(log, ix) {
      const own = open.get(keyOf(log));
      return own?.find(({ first, end }) => ix >= first && ix < end);
    },
    async open(period, log, ix) {
      const slice = await period.sliceWith(log, ix);
      if (slice === undefined) throw new Error(`${log.shard} lacks leaf ${ix}`);
      const held = heldOf(slice, await bodiesOf(log, slice));
      const key = keyOf(log);
      const own = open.get(key) ?? [];
      open.delete(key);
      if (open.size >= logsMax) open.delete(open.keys().next().value!);
      open.set(key, [held, ...own].slice(0, ofLogMax));
      return held;
    },
  };
}

function keyOf({ scope, shard }: LogName): string {
  return `${shard} ${scope}`;
}

function heldOf({ first, leaves }: PartSlice, bodies: Lines): Held {
  return {
    first,
    end: first + leaves.count,
    leaf: (ix) => leaves.at(ix - first),
    body: (ix) => bodies.at(ix - first),
  };
}
