import { plainLines } from '../packed-lines.ts';
import type { LogStep, Period, SealedStep, StoredLog } from '../segments.ts';
import type { Chain, Change } from './chain.ts';
import { grownHeads, headItem, headKey, headsIn, noteItem, noteKey, storedLog, type Head } from './heads.ts';
import { logPart, numberIn, periodPart, textIn, type Attributes, type ItemKey } from './items.ts';
import { logItems, logReads } from './log-items.ts';
import { inTurn, type LogTable } from './log-table.ts';
import {
  endIn,
  endKey,
  heldIn,
  heldItem,
  heldPlaces,
  heldSeq,
  releasedItem,
  releasedKey,
  throughIn,
  throughItem,
  throughKey,
} from './period-items.ts';
import { countRows } from './count-rows.ts';
import { findRows, rowItems } from './row-items.ts';

/** Where a period lies. */
export interface PeriodPlace {
  readonly table: LogTable;
  readonly name: string;
  readonly chain: Chain;
}

/** A period that has begun. A commit is durable when it resolves. */
export function openPeriod(place: PeriodPlace): Period {
  const { table, name, chain } = place;
  const part = periodPart(name);
  const reads = logReads(table, (log) => logPart(name, log), chain.settled);
  return {
    name,
    ...reads,
    async sliceWith(log, ix) {
      const [slice] = await reads.slices(log, ix, 1);
      return slice && { ...slice, leaves: plainLines(slice.leaves) };
    },
    ...headReads(place),
    ...lineReads(place),
    async endBefore(scope) {
      const item = await table.get(endKey(part, scope));
      return item && endIn(item);
    },
    commit: (step) => chain.commit((n) => changeOf(place, step, n)),
    flush: async () => undefined,
    async note(notes) {
      await inTurn(notes, ({ size, note, ...log }) =>
        table.put(noteItem(noteKey(part, log), size, note), { laterThan: size }),
      );
    },
    async rows(log, query) {
      await chain.settled();
      return findRows(table, logPart(name, log), query);
    },
    async counts(log, query, by) {
      await chain.settled();
      return countRows(table, logPart(name, log), query, by);
    },
  };
}

function headReads({ table, name, chain }: PeriodPlace): Pick<Period, 'logs' | 'unnoted'> {
  const part = periodPart(name);
  /** The segment behind which nothing had grown. */
  let quiet = -1;
  const all = async (): Promise<StoredLog[]> => {
    const heads = (await table.list({ part, places: { beginWith: 'head#' } })).flatMap(headsIn);
    return withNotes(heads, await table.list({ part, places: { beginWith: 'note#' } }));
  };
  return {
    async logs(scopes) {
      await chain.settled();
      if (scopes === undefined) return all();
      const heads = (await table.getAll(scopes.map((scope) => headKey(part, scope)))).flatMap(headsIn);
      return withNotes(heads, await table.getAll(heads.map((head) => noteKey(part, head))));
    },
    async unnoted(limit) {
      const { n } = await chain.settled();
      if (n === quiet) return [];
      const grown = (await all()).filter(({ size, notedSize }) => notedSize < size);
      if (grown.length === 0) quiet = n;
      return grown.slice(0, limit);
    },
  };
}

function withNotes(heads: readonly Head[], notes: readonly Attributes[]): StoredLog[] {
  const noteAt = new Map(notes.map((note) => [textIn(note, 'place'), note]));
  return heads
    .toSorted((a, b) => a.made - b.made)
    .map((head) => storedLog(head, noteAt.get(noteKey('', head).place)));
}

function lineReads({
  table,
  name,
  chain,
}: PeriodPlace): Pick<Period, 'through' | 'throughs' | 'heldScopes' | 'held'> {
  const part = periodPart(name);
  const lines = async (scope?: string) => {
    await chain.settled();
    const held = (await table.list({ part, places: { beginWith: heldPlaces(scope) } })).map(heldIn);
    const released = await table.getAll(
      [...new Set(held.map((line) => line.scope))].map((each) => releasedKey(part, each)),
    );
    const through = new Map(released.map((item) => [textIn(item, 'scope'), numberIn(item, 'seq')]));
    return held.filter((line) => line.seq > (through.get(line.scope) ?? 0));
  };
  return {
    async through(writer) {
      await chain.settled();
      const item = await table.get(throughKey(part, writer));
      return item && throughIn(item);
    },
    async throughs() {
      await chain.settled();
      return (await table.list({ part, places: { beginWith: 'through#' } })).map(throughIn);
    },
    heldScopes: async () => [...new Set((await lines()).map(({ scope }) => scope))].toSorted(),
    held: async (scope, limit) => (await lines(scope)).slice(0, limit),
  };
}

/** What a step changes as segment `n`. @returns `undefined` when it may not happen */
async function changeOf(place: PeriodPlace, step: SealedStep, n: number): Promise<Change | undefined> {
  const { table, name } = place;
  const part = periodPart(name);
  const { logs, through, hold = [], release = [] } = step;
  if (through !== undefined) {
    const lying = await table.get(throughKey(part, through.to.writer));
    if (numberIn(lying, 'entry') !== through.before) return undefined;
  }
  const heads = await headsAfter(place, logs, n);
  if (heads === undefined) return undefined;
  const items = await inTurn(logs, (each) => logItems(table, logPart(name, each.log), each, String(n)));
  const released = await inTurn(release, (each) => releasedLines(table, part, each));
  return {
    adds: [
      ...items.flatMap(({ adds }) => adds),
      ...logs.flatMap(({ log, rows, ended }) => rowItems(logPart(name, log), rows, ended)),
      ...hold.map(({ scope, sealed }, at) => heldItem(part, { scope, sealed, seq: heldSeq(n, at) })),
    ],
    sets: [
      ...items.flatMap(({ sets }) => sets),
      ...release.map((each) => releasedItem(part, each)),
      ...heads.map((each) => headItem(part, each)),
      ...(through === undefined ? [] : [throughItem(part, through.to)]),
    ],
    removes: [...items.flatMap(({ removes }) => removes), ...released.flat()],
  };
}

async function headsAfter(
  { table, name }: PeriodPlace,
  steps: readonly LogStep[],
  n: number,
): Promise<(readonly Head[])[] | undefined> {
  const part = periodPart(name);
  const scopes = [...new Set(steps.map(({ log }) => log.scope))];
  const items = await table.getAll(scopes.map((scope) => headKey(part, scope)));
  const heads = new Map<string, readonly Head[]>(items.map((item) => [textIn(item, 'scope'), headsIn(item)]));
  for (const [at, step] of steps.entries()) {
    const grown = grownHeads(heads.get(step.log.scope) ?? [], step, heldSeq(n, at));
    if (grown === undefined) return undefined;
    heads.set(step.log.scope, grown);
  }
  return [...heads.values()];
}

async function releasedLines(
  table: LogTable,
  part: string,
  { scope, seq }: NonNullable<SealedStep['release']>[number],
): Promise<ItemKey[]> {
  const items = await table.list({ part, places: { beginWith: heldPlaces(scope) } });
  return items
    .map((item) => ({ part, place: textIn(item, 'place'), seq: numberIn(item, 'seq') }))
    .filter((line) => line.seq <= seq);
}
