import { openKnownNames, type KnownNames } from './known-names.ts';
import type { Page } from './page.ts';
import type { PagesOf } from './page-epochs.ts';
import { openShelf, type Shelf } from './shelf.ts';

// What one instance keeps of what upstreams list, in its memory.

const pagesMax = 5000;
const charactersMax = 32 * 1024 * 1024;
const absentMax = 10_000;

/** What lies in memory; keys begin with what {@link beginningOf} says, by which they are dropped. */
export interface PageMemory {
  readonly pages: Shelf<Page>;
  /** Upstreams that could not be asked. */
  readonly absent: Shelf<{ readonly error: unknown; readonly untilMs: number }>;
  readonly names: KnownNames;
  /** How often what is kept of the upstream was dropped: what changed while it was on its way may not be in it. */
  drops(of: PagesOf): number;
  /** Something is kept of the upstream now. */
  filled(of: PagesOf): void;
  /** Forget what is kept of an upstream; `undefined`: of all. */
  drop(of: PagesOf | undefined): void;
}

/** Nothing is kept yet. */
export function openPageMemory(): PageMemory {
  const pages = openShelf<Page>({ count: pagesMax, weight: charactersMax });
  const absent = openShelf<{ readonly error: unknown; readonly untilMs: number }>({
    count: absentMax,
    weight: absentMax,
  });
  const names = openKnownNames();
  const counts = new Map<string, number>();
  const full = new Set<string>();
  let every = 0;
  // An upstream may announce changes as fast as it can write: dropping what is dropped already costs nothing.
  const dropAll = (beginning: string): void => {
    if (full.delete(beginning)) [pages, absent, names].forEach((one) => one.dropAll(beginning));
  };
  return {
    pages,
    absent,
    names,
    drops: (of) => every + (counts.get(beginningOf(of)) ?? 0),
    filled: (of) => void full.add(beginningOf(of)),
    drop(of) {
      if (of === undefined) {
        every += 1;
        for (const beginning of Array.from(full)) dropAll(beginning);
        return;
      }
      const beginning = beginningOf(of);
      counts.set(beginning, (counts.get(beginning) ?? 0) + 1);
      dropAll(beginning);
    },
  };
}

/** What every key of an upstream begins with. */
export function beginningOf({ tenant, upstream }: PagesOf): string {
  return `${JSON.stringify([tenant, upstream])} `;
}
