import { refuse } from '../refusal.ts';
import type { Awaitable, Change, Engine, Row, TableKey } from './engine.ts';
import { specOf } from './item-rules.ts';
import type { TableName } from './spec.ts';
import { storedOf } from './stored-item.ts';
import type { Item } from './tables.ts';

// Tables that take no writes: while they are copied, while they are filled, and for good when the data has moved. One row
// says so to everybody who has the tables open:
//
//   deployment: name = `freeze` · reason · freezeId · sinceMs · to? · place?
//
// Nobody reads it before each write. Each process knows it from a look that is at most a second old, so a freeze holds
// everywhere after that second, and after the longest time that a write which was let in before can still take.

/** Why tables take no writes, and since when. */
export interface Freeze {
  /** `export`: until the copy is made; what an export leaves behind may change. `import`: they are being filled. `moved`: for good. */
  readonly reason: 'export' | 'import' | 'moved';
  /** Names who froze them: only they go on, or end it. */
  readonly freezeId: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** Where the data went, in words for whoever is refused; `undefined` unless it moved. */
  readonly to?: string | undefined;
  /** How far whoever froze them has come, in their own words. */
  readonly place?: string | undefined;
}

/** Where the freeze is noted. */
const freezeKey = { name: 'freeze' } as const;

const freezeRow: TableKey = { pk: freezeKey.name, sk: '' };
/** So old a look may be. */
const lookMs = 1000;
const looksMax = 3;
/** Clocks of processes differ in speed, and a scheduler may come late. */
const marginMs = 500;

/** Lets writes of one process in, or refuses them. */
export interface WriteGate {
  /**
   * Returns at once as long as the last look is new enough.
   *
   * @throws Refusal `store_frozen`; `store_unavailable` when the look fails
   */
  admit(changes: readonly Change[]): Awaitable<void>;
}

/** @param ticks milliseconds of a clock that never goes back */
export function writeGate(engine: Engine, ticks: () => number): WriteGate {
  let known: Freeze | undefined;
  let lookedAt = -Infinity;
  let looking: Promise<void> | undefined;
  const take = (row: Row | undefined, beganAt: number): void => {
    known = freezeIn(row);
    lookedAt = beganAt;
  };
  const look = (): Awaitable<void> => {
    if (looking !== undefined) return looking;
    const beganAt = ticks();
    const row = engine.get('deployment', freezeRow);
    if (!(row instanceof Promise)) return take(row, beganAt);
    looking = row.then((found) => take(found, beganAt)).finally(() => (looking = undefined));
    return looking;
  };
  const decide = (changes: readonly Change[]): void => {
    if (known === undefined) return;
    if (known.reason === 'export' && changes.every(({ table, row }) => isPassing(table, row.pk))) return;
    throw frozen(known);
  };
  const admit = (changes: readonly Change[], looks = 0): Awaitable<void> => {
    if (ticks() - lookedAt < lookMs) return decide(changes);
    if (looks === looksMax)
      throw refuse(
        'store_unavailable',
        'the database does not answer',
        'looking for a freeze takes too long',
      );
    const looked = look();
    // A look that took long, or began before, may be too old already.
    return looked === undefined ? decide(changes) : looked.then(() => admit(changes, looks + 1));
  };
  return { admit: (changes) => admit(changes) };
}

/** After a freeze, the time until no write that was let in before can happen any more. */
export function settleMsOf(engine: Pick<Engine, 'writeMsMax'>): number {
  return lookMs + engine.writeMsMax + marginMs;
}

/** The freeze in force. */
export async function readFreeze(engine: Engine): Promise<Freeze | undefined> {
  return freezeIn(await engine.get('deployment', freezeRow));
}

/** Freeze, or note more about one's own freeze. @returns whether it stands; `false`: somebody else's does */
export async function writeFreeze(engine: Engine, freeze: Freeze, revision: string): Promise<boolean> {
  const found = await engine.get('deployment', freezeRow);
  if (found !== undefined && freezeIn(found)?.freezeId !== freeze.freezeId) return false;
  const item = Object.fromEntries(
    Object.entries({ ...freezeKey, ...freeze }).filter(([, value]) => value !== undefined),
  );
  const row = { ...freezeRow, revision, ttlSeconds: undefined, json: JSON.stringify(item) };
  const condition = found === undefined ? 'absent' : { revision: found.revision };
  return (await engine.apply([{ act: 'put', table: 'deployment', row, condition }], 0)) === undefined;
}

/** End the freeze of this freezeId. @returns whether it stood */
export async function endFreeze(engine: Engine, freezeId: string): Promise<boolean> {
  const found = await engine.get('deployment', freezeRow);
  if (found === undefined || freezeIn(found)?.freezeId !== freezeId) return false;
  const condition = { revision: found.revision };
  const lost = await engine.apply([{ act: 'remove', table: 'deployment', row: freezeRow, condition }], 0);
  return lost === undefined;
}

/**
 * Whether a row passes by itself and stays where it is: that of a table which is left behind, and in `deployment` what
 * instances tell each other, and the note of the freeze itself.
 */
export function isPassing(table: TableName, pk: string): boolean {
  if (table === 'deployment') return pk === freezeKey.name || pk === 'lease' || pk.startsWith('bus.');
  return specOf(table).leftBehind === true;
}

/** What a write is told. */
export function frozen({ reason, freezeId, to }: Freeze): Error {
  const said = {
    export: 'the data is being copied and takes no changes meanwhile; try again later',
    import: 'the data is not whole yet: an import is not finished',
    moved: `the data has moved to ${to ?? 'another place'} and takes no changes here`,
  }[reason];
  return refuse('store_frozen', said, `${reason} ${freezeId}`);
}

// A note that cannot be read freezes, too.
function freezeIn(row: Row | undefined): Freeze | undefined {
  if (row === undefined) return undefined;
  const { reason, freezeId, sinceMs, to, place }: Item = storedOf('deployment', row).item;
  return {
    reason: reason === 'export' || reason === 'import' ? reason : 'moved',
    freezeId: typeof freezeId === 'string' ? freezeId : '',
    sinceMs: Number(sinceMs),
    to: typeof to === 'string' ? to : undefined,
    place: typeof place === 'string' ? place : undefined,
  };
}
