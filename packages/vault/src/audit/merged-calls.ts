import type { Call } from './calls.ts';

/**
 * Calls of several logs as of one, the newest attempt first. Each log must give its own in that order.
 *
 * @throws Refusal whatever a log throws
 */
export async function* mergedCalls(
  logs: readonly AsyncIterable<readonly Call[]>[],
): AsyncGenerator<readonly Call[]> {
  const heads = logs.map((log) => ({
    pages: log[Symbol.asyncIterator](),
    page: [] as readonly Call[],
    at: 0,
  }));
  const fill = async (head: (typeof heads)[number]): Promise<boolean> => {
    while (head.at >= head.page.length) {
      const next = await head.pages.next();
      if (next.done === true) return false;
      Object.assign(head, { page: next.value, at: 0 });
    }
    return true;
  };
  try {
    for (;;) {
      const open: typeof heads = [];
      for (const head of heads) if (await fill(head)) open.push(head);
      if (open.length === 0) return;
      const merged: Call[] = [];
      // Until one has to be asked for more: what it gives may be newer than what the others have left.
      while (open.every(({ at, page }) => at < page.length)) {
        const newest = open.reduce((a, b) => (idAt(b) > idAt(a) ? b : a));
        merged.push(newest.page[newest.at]!);
        newest.at += 1;
      }
      yield merged;
    }
  } finally {
    for (const { pages } of heads) await pages.return?.();
  }
}

// Ids begin with their time, and differ within a millisecond.
function idAt({ page, at }: { readonly page: readonly Call[]; readonly at: number }): string {
  return page[at]!.attempt.id;
}
