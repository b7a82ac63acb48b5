import type { EntryReader } from '@sealgate/vault';
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
export function boundedReader(
  reader: EntryReader,
  { signal, untilMs, stands, now }: ReadingBounds,
): EntryReader {
  let lookedAtMs = now();
  return {
    async page(query) {
      if (signal.aborted) throw refuse('reading_ended', 'whoever asked has gone');
      if (now() > untilMs)
        throw refuse(
          'reading_ended',
          'reading the log takes too long for one answer: ask about a shorter time',
        );
      if (now() - lookedAtMs >= lookMs) {
        if (!(await stands())) throw refuse('unauthorized', 'this auditor was removed');
        lookedAtMs = now();
      }
      return reader.page(query);
    },
  };
}
