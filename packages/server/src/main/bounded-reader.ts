import type { CallReader, EntryReader } from '@sealgate/vault';
import { refuse } from '../errors.ts';

/** How long reading may go on. */
export interface ReadingBounds {
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** `Infinity`: as long as it takes. */
  readonly untilMs: number;
  /** Whether whoever asked may still read. */
  stands(): Promise<boolean>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** How often it is looked whether somebody may still read. */
const lookMs = 1000;

/** A reader that ends between two pages: when nobody waits for it, when it takes too long, when the asker was removed. */
export function boundedReader(reader: EntryReader, bounds: ReadingBounds): EntryReader {
  const pass = barrier(bounds);
  return {
    async page(query) {
      await pass();
      return reader.page(query);
    },
  };
}

/** The same of calls: what finds one, or counts, is let through or not, and not stopped on its way. */
export function boundedCalls(calls: CallReader, bounds: ReadingBounds): CallReader {
  const pass = barrier(bounds);
  async function* passing<V>(pages: AsyncIterable<V>): AsyncGenerator<V> {
    await pass();
    for await (const page of pages) {
      await pass();
      yield page;
    }
  }
  return {
    newest: (filter, hints) => passing(calls.newest(filter, hints)),
    oldest: (filter) => passing(calls.oldest(filter)),
    ended: (filter, onReached) => passing(calls.ended(filter, onReached)),
    async find(tenant, id) {
      await pass();
      return calls.find(tenant, id);
    },
    async services(filter) {
      await pass();
      return calls.services(filter);
    },
    async openings(things, within) {
      await pass();
      return calls.openings(things, within);
    },
    async stats(filter, zone) {
      await pass();
      return calls.stats(filter, zone);
    },
  };
}

function barrier({ signal, untilMs, stands, now }: ReadingBounds): () => Promise<void> {
  let lookedAtMs = now();
  return async () => {
    if (signal.aborted) throw refuse('reading_ended', 'whoever asked has gone');
    if (now() > untilMs)
      throw refuse(
        'reading_ended',
        'reading the log takes too long for one answer: ask about a shorter time',
      );
    if (now() - lookedAtMs < lookMs) return;
    if (!(await stands())) throw refuse('unauthorized', 'this auditor was removed');
    lookedAtMs = now();
  };
}
