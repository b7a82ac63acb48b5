import type { Records } from '../records.ts';

/** A fresh adapter, as a case of `recordsContract` needs it. */
export interface OpenedRecords {
  readonly records: Records;
  /** Resolves when `list` shows every write so far. */
  settle(): Promise<void>;
  /** Close the adapter and remove what it stored. */
  close(): Promise<void>;
}

/** Opens an empty adapter that reads its time from `now`, in milliseconds since 1970. */
export type OpenRecords = (options: { readonly now: () => number }) => Promise<OpenedRecords>;

/** One promise of `Records`. `run` throws an assertion error when the adapter breaks it. */
export interface RecordsCase {
  readonly name: string;
  run(open: OpenRecords): Promise<void>;
}

/** What the body of a case works with. */
export interface RecordsBench extends OpenedRecords {
  /** Set to move the adapter's time. */
  readonly clock: { nowMs: number };
}

/** A case that opens an adapter, runs, and closes it whatever happens. */
export function onRecords(name: string, body: (bench: RecordsBench) => Promise<void>): RecordsCase {
  return {
    name,
    async run(open) {
      const clock = { nowMs: Date.now() };
      const { records, settle, close } = await open({ now: () => clock.nowMs });
      try {
        await body({ records, settle, close, clock });
      } finally {
        await close();
      }
    },
  };
}

/** Bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** All names of a listing, page by page. */
export async function allNames(
  next: (
    cursor: string | undefined,
  ) => Promise<{ readonly names: readonly string[]; readonly cursor: string | undefined }>,
): Promise<readonly string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await next(cursor);
    names.push(...page.names);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return names;
}
