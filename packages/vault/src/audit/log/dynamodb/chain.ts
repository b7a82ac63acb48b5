import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { refuse } from '../../../refusal.ts';
import { moved } from '../moved.ts';
import {
  cut,
  itemAt,
  numberIn,
  packed,
  padded,
  textIn,
  unpacked,
  bytesIn,
  type Attributes,
  type ItemKey,
} from './items.ts';
import { inTurn, type LogTable } from './log-table.ts';

// What happens at once, however many items it changes, without a transaction. First all of it lies as a block under a key
// that nobody else has; then one conditional put of a segment record, under the next number, says that it happened. The
// number is the fence: of two that put it one loses, and whoever looked at an older state has lost as well. Only then is
// what the block says carried out, by whoever comes first: each item remembers by which segment it was put, and gives way
// to later ones only, so one that died half-way is gone on with, and one that woke up late changes nothing.
//
// A segment is put when the one before it was carried out. Blocks end by themselves; no segment needs its block by then.

/** What a segment changes. */
export interface Change {
  /** Items that never change. They may be put again after they were removed: whoever reads them must not mind. */
  readonly adds: readonly Attributes[];
  /** Items that a later segment may put anew. */
  readonly sets: readonly Attributes[];
  readonly removes: readonly ItemKey[];
  /** Whether no segment follows. */
  readonly ends?: boolean;
}

/** How far a chain has come. */
export interface ChainState {
  /** The last segment; all of it is carried out. */
  readonly n: number;
  /** No segment follows. */
  readonly ended: boolean;
}

/** Segments of one partition. */
export interface Chain {
  /** Carry out what was put and left. @throws Refusal `store_unavailable` */
  settled(): Promise<ChainState>;
  /**
   * Put the next segment.
   *
   * @param changeOf what it changes, from the state at present; asked again when somebody else was first. `undefined`: nothing is to happen
   * @returns whether it happened
   * @throws Refusal `store_unavailable`
   */
  commit(changeOf: (n: number) => Promise<Change | undefined>): Promise<boolean>;
}

/** Where a chain lies. */
export interface ChainPlace {
  readonly table: LogTable;
  readonly part: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A block is needed for milliseconds, and after a kill until the next look at the log. */
const blockDays = 90;
const turnsMax = 200;
/** For so long whoever put a segment is left to carry it out. */
const ownMs = 2000;
/** Looks at a segment that seems younger than that, whatever the clocks say: some two seconds. */
const looksMax = 100;
const statePlace = 'state';

/** The chain of this partition. It begins with number 1, or behind what its state item says. */
export function openChain(place: ChainPlace): Chain {
  const { table, part, now } = place;
  const settled = async (): Promise<ChainState> => {
    for (let looks = 1, before = -1; ; looks += 1) {
      const { state, last, putAtMs } = await endOf(table, part);
      if (last <= state.n) return state;
      if (state.n !== before) [looks, before] = [1, state.n];
      if (now() - putAtMs < ownMs && looks < looksMax) await sleep(randomInt(5, 40));
      else await redo(table, part, state.n + 1);
    }
  };
  return {
    settled,
    async commit(changeOf) {
      for (let turn = 1; turn <= turnsMax; turn += 1) {
        const state = await settled();
        const change = state.ended ? undefined : await changeOf(state.n + 1);
        if (change === undefined) return false;
        if (await putSegment(place, state.n + 1, change)) {
          await carryOut(table, part, state.n + 1, change);
          return true;
        }
      }
      throw moved();
    },
  };
}

/** An item from which a chain goes on. */
export function stateItem(part: string, n: number, ended = false): Attributes {
  return itemAt({ part, place: statePlace }, { n: { N: String(n) }, ended: { BOOL: ended } });
}

const segmentPlace = (n: number) => `segment#${padded(n, 12)}`;
const blockPart = (id: string) => `B#${id}`;

interface ChainEnd {
  readonly state: ChainState;
  /** The last segment that was put. */
  readonly last: number;
  readonly putAtMs: number;
}

// `state` stands behind every `segment#…`.
async function endOf(table: LogTable, part: string): Promise<ChainEnd> {
  const places = { from: segmentPlace(0), to: statePlace };
  const found = await table.list({ part, places, descending: true, page: 2 }, 2);
  const state = found.find((item) => textIn(item, 'place') === statePlace);
  const segment = found.find((item) => textIn(item, 'place') !== statePlace);
  const n = numberIn(state, 'n');
  return {
    state: { n, ended: state?.['ended']?.BOOL === true },
    last: segment === undefined ? n : numberIn(segment, 'n'),
    putAtMs: numberIn(segment, 'ts'),
  };
}

async function putSegment({ table, part, now }: ChainPlace, n: number, change: Change): Promise<boolean> {
  const id = randomUUID();
  const pieces = cut(packed(written(change)));
  const ttl = { N: String(Math.floor(now() / 1000) + blockDays * 86_400) };
  await inTurn([...pieces.entries()], ([at, bytes]) =>
    table.put(itemAt({ part: blockPart(id), place: padded(at, 6) }, { bytes: { B: bytes }, ttl }), 'always'),
  );
  const record = {
    n: { N: String(n) },
    id: { S: id },
    pieces: { N: String(pieces.length) },
    ts: { N: String(now()) },
  };
  const lying = await table.put(itemAt({ part, place: segmentPlace(n) }, record), 'absent');
  // An answer may have been lost, and the put repeated: then what lies there is ours.
  return lying === undefined || textIn(lying, 'id') === id;
}

async function redo(table: LogTable, part: string, n: number): Promise<void> {
  const segment = await table.get({ part, place: segmentPlace(n) });
  const blocks = await table.list({ part: blockPart(textIn(segment, 'id')), places: { from: '0', to: '9' } });
  if (segment === undefined || blocks.length !== numberIn(segment, 'pieces'))
    throw refuse(
      'store_unavailable',
      'the audit log lacks a part of what was committed',
      `${part} segment ${n}`,
    );
  const bytes = Buffer.concat(blocks.map((block) => bytesIn(block, 'bytes')));
  await carryOut(table, part, n, read(unpacked(bytes) as Written));
}

async function carryOut(
  table: LogTable,
  part: string,
  n: number,
  { adds, sets, removes, ends }: Change,
): Promise<void> {
  const when = { laterThan: n };
  const by = { n: { N: String(n) } };
  await table.batch(adds, []);
  await inTurn(sets, (item) => table.put({ ...item, ...by }, when));
  await table.batch([], removes);
  await table.put(stateItem(part, n, ends), when);
}

// A change as JSON: bytes are base64.

interface Written extends Omit<Change, 'adds' | 'sets'> {
  readonly adds: readonly WrittenItem[];
  readonly sets: readonly WrittenItem[];
}
type WrittenItem = Readonly<Record<string, AttributeValue | { readonly base64: string }>>;

function written({ adds, sets, ...rest }: Change): Written {
  const item = (attributes: Attributes): WrittenItem =>
    mapped(attributes, (value) =>
      value.B === undefined ? value : { base64: Buffer.from(value.B).toString('base64') },
    );
  return { ...rest, adds: adds.map(item), sets: sets.map(item) };
}

function read({ adds, sets, ...rest }: Written): Change {
  const item = (attributes: WrittenItem): Attributes =>
    mapped(attributes, (value) => ('base64' in value ? { B: Buffer.from(value.base64, 'base64') } : value));
  return { ...rest, adds: adds.map(item), sets: sets.map(item) };
}

function mapped<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
