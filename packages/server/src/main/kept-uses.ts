import type { CountedUses, Records } from '@sealgate/vault';

// Totals lie in parts, for a record has an end. The first part says since when was counted: it is written last, and those that
// say something else are of an earlier or a later beginning. So a crash on the way loses some counting, and nothing else.

interface Part {
  /** From when on was counted, by the clock of the journal. */
  readonly sinceMs: number;
  readonly totals: Readonly<Record<string, number>>;
}

const keptMs = 400 * 86_400_000;
/** Credentials in one record: it stays far below what a record may hold. */
const atOnce = 250;

/** What was kept for a journal's writer; `undefined`: nothing. @throws Refusal `store_unavailable`, `open_failed` */
export async function keptUses(records: Records, writer: string): Promise<CountedUses | undefined> {
  const parts: Part[] = [];
  for (;;) {
    const found = await records.get(nameOf(writer, parts.length));
    if (found === undefined) break;
    parts.push(JSON.parse(Buffer.from(found.bytes).toString('utf8')) as Part);
  }
  const sinceMs = parts[0]?.sinceMs;
  if (sinceMs === undefined) return undefined;
  const own = parts.filter((part) => part.sinceMs === sinceMs);
  return { sinceMs, totals: new Map(own.flatMap(({ totals }) => Object.entries(totals))) };
}

/** Keep them instead of what was kept. @throws Refusal `store_unavailable` */
export async function keepUses(
  records: Records,
  writer: string,
  { sinceMs, totals }: CountedUses,
  nowMs: number,
): Promise<void> {
  const all = [...totals];
  for (let part = Math.max(0, Math.ceil(all.length / atOnce) - 1); part >= 0; part -= 1) {
    const own = Object.fromEntries(all.slice(part * atOnce, (part + 1) * atOnce));
    const bytes = Buffer.from(JSON.stringify({ sinceMs, totals: own } satisfies Part));
    await records.put(nameOf(writer, part), bytes, { endsAtMs: nowMs + keptMs });
  }
}

function nameOf(writer: string, part: number): string {
  return `${writer}/${part}`;
}
