import type { Records, StoredRecord } from '../store/records.ts';

// Sessions in two forms at once. New ones are written in the first; one that lies in the second is read there and moves
// into the first when it is saved. A session that ends, ends in both.

const mark = 'beside ';

/** The first records, and others beside them. */
export function besideRecords(first: Records, second: Records): Records {
  return {
    async get(name) {
      return (await first.get(name)) ?? marked(await second.get(name));
    },
    async put(name, bytes, write) {
      const { guard } = write;
      if (guard === undefined || !('ifRevision' in guard) || !guard.ifRevision.startsWith(mark))
        return first.put(name, bytes, write);
      const there = marked(await second.get(name));
      if (there?.revision !== guard.ifRevision) return undefined;
      // A logout meanwhile has barred the name in the first.
      const revision = await first.put(name, bytes, { ...write, guard: { ifAbsent: true } });
      if (revision !== undefined) await second.take(name);
      return revision;
    },
    async take(name) {
      const taken = await first.take(name);
      return taken ?? second.take(name);
    },
    extend: async (name, endsAtMs) =>
      (await first.extend(name, endsAtMs)) || (await second.extend(name, endsAtMs)),
    async bar(name, untilMs) {
      await first.bar(name, untilMs);
      await second.bar(name, untilMs);
    },
    list: (owner, page) => inTurn((each, part) => each.list(owner, part), [first, second], page),
    scan: (page) => inTurn((each, part) => each.scan(part), [first, second], page),
    async close() {
      await first.close();
      await second.close();
    },
  };
}

function marked(record: StoredRecord | undefined): StoredRecord | undefined {
  return record && { ...record, revision: mark + record.revision };
}

type Page = Parameters<Records['scan']>[0];
type Names = Awaited<ReturnType<Records['scan']>>;

async function inTurn(
  next: (records: Records, page: Page) => Promise<Names>,
  [first, second]: readonly [Records, Records],
  { limit, cursor }: Page,
): Promise<Names> {
  const inSecond = cursor?.startsWith(mark) ?? false;
  const rest = inSecond ? cursor?.slice(mark.length) : cursor;
  const found = await next(
    inSecond ? second : first,
    rest === undefined || rest === '' ? { limit } : { limit, cursor: rest },
  );
  if (inSecond) return { ...found, cursor: found.cursor === undefined ? undefined : mark + found.cursor };
  return { ...found, cursor: found.cursor ?? mark };
}
