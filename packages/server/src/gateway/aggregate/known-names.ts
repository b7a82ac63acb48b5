import type { Page } from './page.ts';
import { openShelf } from './shelf.ts';

// The names of the tools and prompts that one person was listed, to be found without waiting. Names only: what is kept
// for finding must not hold the lists themselves in memory.

const namesMax = 500_000;
const peopleMax = 50_000;
const pagesMax = 64;

type Named = Pick<Page, 'names' | 'fetchedAtMs'>;

/** Names by person, upstream and list; keys begin with what they are dropped by. */
export interface KnownNames {
  note(key: string, place: string, page: Named): void;
  /** The upstream's own name, if a page has it that was fetched after this instant. */
  find(key: string, name: string, sinceMs: number): string | undefined;
  dropAll(beginning: string): void;
}

/** No name is known. */
export function openKnownNames(): KnownNames {
  const shelf = openShelf<Map<string, Named>>({ count: peopleMax, weight: namesMax });
  return {
    note(key, place, { names, fetchedAtMs }) {
      const pages = shelf.get(key) ?? new Map<string, Named>();
      if (pages.get(place)?.names === names) return;
      pages.delete(place);
      pages.set(place, { names, fetchedAtMs });
      if (pages.size > pagesMax) pages.delete(pages.keys().next().value!);
      const weight = [...pages.values()].reduce((sum, page) => sum + page.names.size, 1);
      shelf.put(key, pages, weight);
    },
    find(key, name, sinceMs) {
      for (const { names, fetchedAtMs } of shelf.get(key)?.values() ?? []) {
        const own = fetchedAtMs > sinceMs ? names.get(name) : undefined;
        if (own !== undefined) return own;
      }
      return undefined;
    },
    dropAll: (beginning) => shelf.dropAll(beginning),
  };
}
