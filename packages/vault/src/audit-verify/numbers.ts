import type { Findings } from './findings.ts';

// Every writer numbers its entries from 1, over all logs, and each leaf says so: `"n":…`, `"w":"<writer>/<boot>"`. A tree shows
// that nothing was taken out of it; that something was left out before shows by a number that no log has. Entries are in no log
// while the keys of their group are disabled, and those of the last moments may be published in one log and not yet in another: so
// only what lies a day before the newest entry is missed, and whoever is told hears of both reasons. A number may stand twice,
// where a journal or a log came back from a backup.

/** The numbers that were met. */
export interface Numbers {
  /** Take note of an entry. One that has no number is passed over. */
  see(leaf: Uint8Array): void;
  /** Tell which are missing. */
  finish(findings: Findings): void;
}

/** Numbers that follow each other. */
interface Page {
  /** A bit each. */
  met: number;
  /** Of those that were met, in milliseconds since 1970. */
  newestMs: number;
}

const pageNumbers = 32;
const whole = 2 ** pageNumbers - 1;
/** Some 100 MB. Of a log that has more, nothing is said. */
const pagesMax = 1_000_000;
const quietMs = 24 * 3600_000;
const toldMax = 20;

/** None yet. */
export function openNumbers(): Numbers {
  const writers = new Map<string, Map<number, Page>>();
  let pages = 0;
  let newestMs = 0;
  let last = { writer: '', at: -1, page: { met: 0, newestMs: 0 } };
  // Mostly the one that the entry before was on.
  const pageOf = (writer: string, at: number): Page => {
    if (last.at === at && last.writer === writer) return last.page;
    const own = writers.get(writer) ?? new Map<number, Page>();
    writers.set(writer, own);
    const known = own.get(at);
    const page = known ?? { met: 0, newestMs: 0 };
    if (known === undefined) {
      own.set(at, page);
      pages += 1;
    }
    last = { writer, at, page };
    return page;
  };
  return {
    see(leaf) {
      const said = numberOf(leaf);
      if (said === undefined || pages >= pagesMax) return;
      const page = pageOf(said.writer, Math.floor(said.n / pageNumbers));
      page.met = (page.met | (1 << (said.n % pageNumbers))) >>> 0;
      page.newestMs = Math.max(page.newestMs, said.ts);
      newestMs = Math.max(newestMs, said.ts);
    },
    finish(findings) {
      if (pages >= pagesMax) return;
      let told = 0;
      for (const own of writers.values())
        for (const [from, to] of missing(own, newestMs - quietMs)) {
          if (told >= toldMax) return;
          told += 1;
          const which = from === to ? `entry ${from}` : `entries ${from} to ${to}`;
          findings.add({ state: 'incomplete', says: `${which} of a writer: in no log, ${reasons}` });
        }
    },
  };
}

const reasons = 'since the keys of their group are disabled, or since they were left out';

/** Stretches of numbers that lie between those that were met, as far as those are older than that. */
function* missing(pages: ReadonlyMap<number, Page>, untilMs: number): Generator<[from: number, to: number]> {
  let next: number | undefined;
  for (const [at, { met, newestMs }] of [...pages].toSorted(([a], [b]) => a - b)) {
    if (newestMs >= untilMs) return;
    const first = at * pageNumbers;
    if (next === first && met === whole) {
      next += pageNumbers;
      continue;
    }
    for (let bit = 0; bit < pageNumbers; bit += 1) {
      if ((met & (1 << bit)) === 0) continue;
      if (next !== undefined && first + bit > next) yield [next, first + bit - 1];
      next = first + bit + 1;
    }
  }
}

interface Said {
  readonly writer: string;
  readonly n: number;
  readonly ts: number;
}

// Of a million entries it is read without making objects of them. No text within a leaf can hold these names: its quotes are
// written with a stroke before them. Names come in the order of RFC 8785.
function numberOf(leaf: Uint8Array): Said | undefined {
  const bytes = leaf instanceof Buffer ? leaf : Buffer.from(leaf.buffer, leaf.byteOffset, leaf.length);
  const text = bytes.toString('latin1');
  const n = text.indexOf(',"n":');
  const ts = n === -1 ? -1 : text.indexOf(',"ts":', n);
  const w = ts === -1 ? -1 : text.indexOf(',"w":"', ts);
  const boot = w === -1 ? -1 : text.indexOf('/', w);
  if (boot === -1 || boot - w > 100) return undefined;
  const said = { writer: text.slice(w + 6, boot), n: digitsAt(text, n + 5), ts: digitsAt(text, ts + 6) };
  return said.n === -1 || said.ts === -1 ? undefined : said;
}

/** @returns -1 when there is none */
function digitsAt(text: string, start: number): number {
  let value = 0;
  let at = start;
  for (; at < start + 15; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  return at === start ? -1 : value;
}
