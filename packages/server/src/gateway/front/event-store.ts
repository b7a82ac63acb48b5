import { refuse } from '../../errors.ts';
import {
  eventIdOf,
  openEventRecords,
  readEventId,
  type EventContent,
  type EventPlace,
  type EventRecords,
  type SentEvent,
} from './event-records.ts';
import type { SessionLimits } from './session-limits.ts';

// What a session's client was sent, so that a stream that broke goes on where it broke, on this instance or on the one
// that took the session over. Numbers count within a stream and a generation (one for each owner the session has had),
// without holes save those this instance knows of; the oldest go first, and nothing is replayed across what is gone.

/** The stream that belongs to no request: the one a GET opens. */
export const standing = 'get';

/** A message that is being written down. */
export interface Keeping {
  readonly id: string;
  /** Settles when it was written, or could not be; never rejects. */
  readonly settled: Promise<void>;
  /** It is on its way to the client: from now on it is replayed. Called in the order of sending. @returns whether it was written */
  sent(): boolean;
}

/** What followed an event. */
export interface Followed {
  readonly stream: string;
  readonly events: readonly SentEvent[];
  /** Whether the stream has nothing more to say after these. */
  readonly ended: boolean;
}

/** Events of one session. */
export interface EventStore {
  /** The id that names the place after everything sent on the stream so far. */
  idNow(stream: string): string;
  keep(stream: string, content: EventContent): Keeping;
  /**
   * Everything sent on the stream after the named event.
   *
   * @throws Refusal `event_unknown` when the id is none of this session, or something after it is no longer kept
   */
  after(id: string): Promise<Followed>;
  /** Something is not sent on the stream: nothing is replayed across it. */
  skip(stream: string): void;
  /** The stream has ended; only what is kept of it is remembered. */
  end(stream: string): void;
  /** Drop what is too old. */
  trim(): void;
  /** Events that are kept. */
  count(): number;
  /** Remove all of them. */
  close(): Promise<void>;
}

/** What a store needs. */
export interface EventStoreParts extends EventPlace {
  /** Of the session's owner; see `SessionRecord`. */
  readonly generation: number;
  readonly limits: Pick<SessionLimits, 'eventsMax' | 'eventBytesMax' | 'eventSeconds'>;
  readonly now: () => number;
  /** Told of a write or removal that failed. */
  readonly failed: (error: unknown) => void;
}

interface Line {
  /** Number given out last, and number sent last. */
  given: number;
  sent: number;
  /** Nothing up to here is kept any more. */
  floor: number;
  retained: number;
  open: boolean;
}

interface Kept {
  readonly stream: string;
  readonly number: number;
  readonly bytes: number;
  readonly atMs: number;
}

interface State {
  readonly parts: EventStoreParts;
  readonly records: EventRecords;
  readonly lines: Map<string, Line>;
  readonly kept: Kept[];
  bytes: number;
}

/** Open the events of one session; those of earlier owners are found in the records. */
export function openEventStore(parts: EventStoreParts): EventStore {
  const { generation } = parts;
  const records = openEventRecords(parts);
  const state: State = { parts, records, lines: new Map(), kept: [], bytes: 0 };
  return {
    idNow: (stream) => eventIdOf({ stream, generation, number: lineOf(state, stream).sent }),
    keep: (stream, content) => keep(state, stream, content),
    after: (id) => after(state, id),
    skip(stream) {
      const line = lineOf(state, stream);
      line.floor = line.given += 1;
    },
    end(stream) {
      const line = state.lines.get(stream);
      if (line === undefined) return;
      line.open = false;
      tidy(state, stream, line);
    },
    trim: () => trim(state),
    count: () => state.kept.length,
    async close() {
      state.lines.clear();
      for (const { stream, number } of state.kept.splice(0))
        await records.remove({ stream, generation, number }).catch(parts.failed);
    },
  };
}

function lineOf({ lines }: State, stream: string): Line {
  let line = lines.get(stream);
  if (line === undefined)
    lines.set(stream, (line = { given: 0, sent: 0, floor: 0, retained: 0, open: true }));
  return line;
}

function keep(state: State, stream: string, content: EventContent): Keeping {
  const { generation, limits, now, failed } = state.parts;
  const line = lineOf(state, stream);
  const number = (line.given += 1);
  const name = { stream, generation, number };
  const bytes = Buffer.byteLength(content.text);
  let written = false;
  const write = async (): Promise<void> => {
    if (bytes > limits.eventBytesMax) return;
    await state.records.write(name, content, now() + limits.eventSeconds * 1000);
    written = true;
  };
  return {
    id: eventIdOf(name),
    settled: write().catch(failed),
    sent() {
      line.sent = number;
      if (!written) {
        line.floor = number;
        return false;
      }
      state.kept.push({ stream, number, bytes, atMs: now() });
      state.bytes += bytes;
      line.retained += 1;
      trim(state);
      return true;
    },
  };
}

function trim(state: State): void {
  const { generation, limits, now, failed } = state.parts;
  const oldestMs = now() - limits.eventSeconds * 1000;
  for (;;) {
    const oldest = state.kept[0];
    const crowded = state.kept.length > limits.eventsMax || state.bytes > limits.eventBytesMax;
    if (oldest === undefined || (!crowded && oldest.atMs > oldestMs)) return;
    state.kept.shift();
    state.bytes -= oldest.bytes;
    const { stream, number } = oldest;
    const line = lineOf(state, stream);
    line.floor = Math.max(line.floor, number);
    line.retained -= 1;
    tidy(state, stream, line);
    // What is only too old ends by itself.
    if (crowded) void state.records.remove({ stream, generation, number }).catch(failed);
  }
}

function tidy({ lines }: State, stream: string, line: Line): void {
  if (!line.open && line.retained === 0) lines.delete(stream);
}

async function after(state: State, id: string): Promise<Followed> {
  const { records, lines, parts } = state;
  trim(state);
  const named = readEventId(id);
  if (named === undefined || named.generation > parts.generation) throw unknown();
  const { stream } = named;
  const line = lines.get(stream);
  if (named.generation === parts.generation) {
    if (line === undefined || named.number > line.sent) throw unknown();
    const events = await readOwn(state, stream, named.number + 1);
    return { stream, events, ended: !line.open };
  }
  const events: SentEvent[] = [];
  for (let { generation } = named; generation < parts.generation; generation += 1) {
    const number = generation === named.generation ? named.number + 1 : 1;
    events.push(...(await records.readFrom({ stream, generation, number })));
  }
  events.push(...(await readOwn(state, stream, 1)));
  const last = events.at(-1) ?? (await records.read(named));
  return { stream, events, ended: last?.final === true };
}

async function readOwn({ parts, records, lines }: State, stream: string, from: number): Promise<SentEvent[]> {
  const { generation } = parts;
  const { floor, sent } = lines.get(stream) ?? { floor: 0, sent: 0 };
  if (from <= floor) throw unknown();
  const found: SentEvent[] = [];
  for (let number = from; number <= sent; number += 1) {
    const event = await records.read({ stream, generation, number });
    if (event === undefined) throw unknown();
    found.push(event);
  }
  return found;
}

function unknown() {
  return refuse(
    'event_unknown',
    'nothing can be replayed after this event: it is too old, or was never sent in this session',
  );
}
