import { beginningKey } from './begin-period.ts';
import { headsIn } from './heads.ts';
import { logPart, periodPart, textIn, type ItemKey } from './items.ts';
import type { LogTable } from './log-table.ts';
import { statedPart } from './root.ts';

// A period that was dropped is gone with one put; its items follow, logs before what names them, so that whoever was
// interrupted can go on.

const removedAtOnce = 1000;

/** Remove what lies of periods that were dropped, and what was stated of their logs: none of them begins again. */
export async function sweepDropped(table: LogTable, rootTable: LogTable): Promise<void> {
  const items = await table.list({ part: 'periods', places: { from: '0', to: '9~' } });
  for (const item of items) {
    if (item['dropped'] === undefined) continue;
    const name = textIn(item, 'place');
    await removePart(rootTable, statedPart(name));
    await removePeriod(table, name);
  }
}

async function removePeriod(table: LogTable, name: string): Promise<void> {
  const part = periodPart(name);
  for await (const page of table.pages({ part, places: { beginWith: 'head#' } }))
    for (const log of page.flatMap(headsIn)) await removePart(table, logPart(name, log));
  await removePart(table, part);
  await table.batch([], [beginningKey(name)]);
}

async function removePart(table: LogTable, part: string): Promise<void> {
  const places = { from: ' ', to: '~' };
  let keys: ItemKey[] = [];
  for await (const page of table.pages({ part, places, keysOnly: true })) {
    keys.push(...page.map((item) => ({ part, place: textIn(item, 'place') })));
    if (keys.length < removedAtOnce) continue;
    await table.batch([], keys);
    keys = [];
  }
  await table.batch([], keys);
}
