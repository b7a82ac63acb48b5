/** Something with a time, and an id that rises within it. */
export interface Timed {
  readonly ts: number;
  readonly id: string;
}

/** What gives such things page by page, in order. */
export interface TimedSource<I extends Timed> {
  readonly pages: () => AsyncIterable<readonly I[]>;
  /** It has none from this time on, in milliseconds since 1970; for the newest first. */
  readonly untilMs: number;
}

interface Head<I> {
  readonly pages: AsyncIterator<readonly I[]>;
  page: readonly I[];
  at: number;
}

/**
 * What several give, as of one, in the order of time and of ids within it, whoever gives it; what two of them give comes once.
 * When the newest is asked for first, a
 * source is not asked before something of its time can be the next.
 *
 * @throws whatever a source throws
 */
export async function* mergedInTime<I extends Timed>(
  sources: readonly TimedSource<I>[],
  descending: boolean,
): AsyncGenerator<readonly I[]> {
  const asleep = sources.toSorted((a, b) => a.untilMs - b.untilMs);
  const isBefore = descending ? (a: I, b: I) => isEarlier(b, a) : isEarlier;
  const isOnce = onceAtATime();
  const ordered = orderedById(isBefore);
  let heads: Head<I>[] = [];
  const wake = async (): Promise<void> => {
    const newest = heads.reduce((ts, { page, at }) => Math.max(ts, page[at]!.ts), -Infinity);
    // One month at a time, when there is nothing before it.
    const fromMs = heads.length === 0 ? (asleep.at(-1)?.untilMs ?? 0) : newest + 1;
    while (asleep.length > 0 && (!descending || asleep.at(-1)!.untilMs >= fromMs))
      heads.push({ pages: asleep.pop()!.pages()[Symbol.asyncIterator](), page: [], at: 0 });
    heads = await filled(heads);
  };
  try {
    for (;;) {
      heads = await filled(heads);
      const count = asleep.length;
      await wake();
      if (heads.length === 0 && asleep.length === 0) break;
      if (asleep.length < count || heads.length === 0) continue;
      const wakesAtMs = descending ? (asleep.at(-1)?.untilMs ?? -Infinity) : -Infinity;
      const merged: I[] = [];
      for (let next = firstOf(heads, isBefore); ; next = firstOf(heads, isBefore)) {
        const item = next.page[next.at]!;
        if (item.ts < wakesAtMs) break;
        if (isOnce(item)) merged.push(item);
        next.at += 1;
        // It has to be asked for more: what it gives may come before what the others have left.
        if (next.at >= next.page.length) break;
      }
      yield ordered.add(merged);
    }
    yield ordered.rest();
  } finally {
    for (const { pages } of heads) await pages.return?.();
  }
}

async function filled<I>(heads: readonly Head<I>[]): Promise<Head<I>[]> {
  const open: Head<I>[] = [];
  for (const head of heads) if (await fill(head)) open.push(head);
  return open;
}

async function fill<I>(head: Head<I>): Promise<boolean> {
  while (head.at >= head.page.length) {
    const next = await head.pages.next();
    if (next.done === true) return false;
    head.page = next.value;
    head.at = 0;
  }
  return true;
}

function firstOf<I>(heads: readonly Head<I>[], isBefore: (a: I, b: I) => boolean): Head<I> {
  let first = heads[0]!;
  for (const head of heads)
    if (head !== first && isBefore(head.page[head.at]!, first.page[first.at]!)) first = head;
  return first;
}

function isEarlier(a: Timed, b: Timed): boolean {
  return a.ts === b.ts ? a.id < b.id : a.ts < b.ts;
}

/** Puts things in order that come in the order of time. Those of the latest time are kept back: more of it may come. */
function orderedById<I extends Timed>(isBefore: (a: I, b: I) => boolean) {
  let kept: I[] = [];
  const inOrder = (items: readonly I[]): readonly I[] => items.toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
  return {
    add(items: readonly I[]): readonly I[] {
      const atMs = items.at(-1)?.ts;
      const latest = items.findLastIndex(({ ts }) => ts !== atMs) + 1;
      if (latest === 0 && (kept[0]?.ts ?? atMs) === atMs) {
        for (const item of items) kept.push(item);
        return [];
      }
      const given = inOrder([...kept, ...items.slice(0, latest)]);
      kept = items.slice(latest);
      return given;
    },
    rest: () => inOrder(kept),
  };
}

/** Whether it is the first of its id. The same stands at the same time, so the ids of one time are enough. */
function onceAtATime(): (item: Timed) => boolean {
  let atMs = NaN;
  const seen = new Set<string>();
  return ({ ts, id }) => {
    if (ts !== atMs) {
      seen.clear();
      atMs = ts;
    }
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  };
}
