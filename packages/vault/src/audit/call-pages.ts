import { timingSafeEqual } from 'node:crypto';
import type { Sealer } from '../keys/sealer.ts';
import { refuse } from '../refusal.ts';
import type { CallReader } from './call-reader.ts';
import type { Call, CallFilter } from './calls.ts';
import { filterText } from './filter.ts';

// Calls page by page, for somebody who comes again for the next one. A cursor names the attempt that was given last, and is
// good for the asker and the question that it was made for, and for nobody else. What is recorded meanwhile moves no page: it is
// newer than all of them, or comes on the last.

/** One page of calls. */
export interface CallPageQuery {
  /** Who asks: a cursor of somebody else is none. */
  readonly caller: string;
  readonly filter: CallFilter;
  /** Of attempts. The newest first when not given. */
  readonly order?: 'newest' | 'oldest' | undefined;
  /** Calls at most, from 1. */
  readonly limit: number;
  /** Of the page before; `undefined` for the first. */
  readonly cursor?: string | undefined;
}

/** One page, in the order that was asked for. */
export interface CallPage {
  readonly calls: readonly Call[];
  /** `undefined` on the last page, which may be empty. */
  readonly cursor: string | undefined;
}

interface Place {
  readonly ts: number;
  readonly id: string;
}

/** Read one page. @throws Refusal `cursor_invalid` for a cursor of another question or asker; those of the reader */
export async function callPage(
  reader: Pick<CallReader, 'newest' | 'oldest'>,
  sealer: Pick<Sealer, 'blind'>,
  query: CallPageQuery,
): Promise<CallPage> {
  const after = query.cursor === undefined ? undefined : placeIn(sealer, query, query.cursor);
  const { filter, limit, order = 'newest' } = query;
  const { sinceMs = 0, untilMs = Infinity } = filter;
  const isBehind = behind(after, order);
  const calls: Call[] = [];
  const pages =
    after === undefined
      ? reader[order](filter)
      : order === 'newest'
        ? reader.newest({ ...filter, untilMs: Math.min(untilMs, after.ts) })
        : reader.oldest({ ...filter, sinceMs: Math.max(sinceMs, after.ts) });
  for await (const page of pages)
    for (const call of page) {
      if (!isBehind(call.attempt)) continue;
      calls.push(call);
      // Whether more follows is not looked for: that could be far.
      if (calls.length >= limit) return { calls, cursor: cursorOf(sealer, query, call.attempt) };
    }
  return { calls, cursor: undefined };
}

/** Whether an attempt comes behind that place. One that is there no more is passed by time. */
function behind(after: Place | undefined, order: 'newest' | 'oldest'): (attempt: Place) => boolean {
  let passed = after === undefined;
  return ({ ts, id }) => {
    if (passed) return true;
    passed = id === after!.id || (order === 'newest' ? ts < after!.ts : ts > after!.ts);
    return passed && id !== after!.id;
  };
}

function cursorOf(sealer: Pick<Sealer, 'blind'>, query: CallPageQuery, { ts, id }: Place): string {
  const { out, ...rest } = query.filter;
  const bound = JSON.stringify([ts, id, query.caller, out, query.order ?? 'newest', filterText(rest)]);
  return `${ts}.${id}.${sealer.blind('audit call cursor', bound)}`;
}

function placeIn(sealer: Pick<Sealer, 'blind'>, query: CallPageQuery, cursor: string): Place {
  const [, time, id = ''] = /^(\d{1,15})\.([0-9a-f-]{36})\.[\w-]{20,100}$/.exec(cursor) ?? [];
  const place = { ts: Number(time), id };
  const [given, made] = [Buffer.from(cursor), Buffer.from(cursorOf(sealer, query, place))];
  if (time === undefined || given.length !== made.length || !timingSafeEqual(given, made))
    throw refuse('cursor_invalid', 'this cursor is of another question, or of somebody else');
  return place;
}
