import { scopePart } from '../names.ts';
import { rootLog, type LogSecrets, type RootLog, type StatedHead } from '../segments.ts';
import { openChain } from './chain.ts';
import { grownHeads, headItem, headKey, headsIn, noteItem, noteKey, storedLog } from './heads.ts';
import { bytesIn, itemAt, numberIn, textIn, type Attributes, type ItemKey } from './items.ts';
import { logItems, logReads } from './log-items.ts';
import type { LogTable } from './log-table.ts';

// The root log, what it states of the others, and tenants' secrets: a table of their own, which is never brought back to an
// earlier time.

const part = 'root';

/** The root log in this table. */
export function openRoot(table: LogTable, now: () => number): RootLog {
  const chain = openChain({ table, part, now });
  const head = async () => headsIn(await table.get(headKey(part, rootLog.scope)));
  return {
    ...logReads(table, () => part, chain.settled),
    async head() {
      await chain.settled();
      const [found] = await head();
      if (found === undefined) return { size: 0, frontier: [], closed: false, note: undefined, notedSize: 0 };
      const { scope: _, shard: __, ...log } = storedLog(found, await table.get(noteKey(part, found)));
      return log;
    },
    async stated(origin) {
      await chain.settled();
      const item = await table.get(statedKey(origin));
      return item && statedIn(item);
    },
    publish: (step, stated, note) =>
      chain.commit(async (n) => {
        const grown = grownHeads(await head(), { ...step, log: rootLog }, n);
        if (grown === undefined) return undefined;
        const items = await logItems(table, part, step, String(n));
        const noted = noteItem(noteKey(part, rootLog), step.head.size, note);
        return { ...items, sets: [...items.sets, ...stated.map(statedItem), headItem(part, grown), noted] };
      }),
  };
}

/** The partition of what was stated of the logs of a month. */
export function statedPart(month: string): string {
  return `stated#${month}`;
}

function statedKey(origin: string): ItemKey {
  const [, month = ''] = /\/(\d{6})(?:-\d+)?$/.exec(origin) ?? [];
  return { part: statedPart(month), place: origin };
}

function statedItem({ origin, size, root }: StatedHead): Attributes {
  return itemAt(statedKey(origin), { size: { N: String(size) }, root: { B: root } });
}

function statedIn(item: Attributes): StatedHead {
  return { origin: textIn(item, 'place'), size: numberIn(item, 'size'), root: bytesIn(item, 'root') };
}

/** Tenants' secrets in this table. */
export function logSecrets(table: LogTable): LogSecrets {
  const key = (scope: string): ItemKey => ({ part: 'secrets', place: scopePart(scope) });
  return {
    async get(scope) {
      const item = await table.get(key(scope));
      return item && bytesIn(item, 'sealed');
    },
    async add(scope, sealed) {
      await table.put(itemAt(key(scope), { sealed: { B: sealed } }), 'absent');
    },
    remove: (scope) => table.batch([], [key(scope)]),
  };
}
