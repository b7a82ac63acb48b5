import type { RequestId } from '@modelcontextprotocol/server';
import type { EventContent } from './event-records.ts';
import { standing, type EventStore, type Keeping } from './event-store.ts';
import type { Position } from './target.ts';

// The streams of one session: one for each request that is being answered, and the standing one of a GET. Everything
// that is sent goes through one line, in which a message waits until it is written down and everything before it was
// sent; a replay stands in the same line, so nothing falls between the replayed and the new.

/** A JSON-RPC message. */
export type Outgoing = Readonly<Record<string, unknown>> & { readonly jsonrpc: '2.0' };

/** How streams behave. */
export interface StreamsParts {
  readonly events: EventStore;
  /** Of the session's owner; part of every stream's name. */
  readonly generation: number;
  /** Whether the client takes an event without data, which tells it from where to resume (revision 2025-11-25). */
  readonly primes: boolean;
  readonly keepAliveMs: number;
  /** Whether the standing stream was open under another owner: its client comes back for what is said from now on. */
  readonly stood: boolean;
  /** Called in the order of sending, at the moment from which a message is replayed. */
  readonly onTold: (told: Told) => void;
}

/** How a message is sent. */
export interface How {
  /** It is the response, which closes the stream. */
  readonly final?: boolean;
  /** Where its upstream's stream stood. */
  readonly at?: Position | undefined;
}

/** A message that an upstream said on its own stream has been written down and sent, or there is nobody to send it to. */
export interface Told {
  readonly at: Position;
  /** Length of the message; 0 when it was sent to nobody. */
  readonly characters: number;
  /** Whether it can be found again by whoever takes the session over; `true` also when it was sent to nobody. */
  readonly written: boolean;
}

/** The streams of one session. */
export interface Streams {
  /** Open the stream of a request. */
  open(id: RequestId): { readonly stream: string; readonly body: ReadableStream<Uint8Array> };
  /** Open the standing stream; `undefined` when it is open already. */
  stand(): ReadableStream<Uint8Array> | undefined;
  /**
   * Go on with a stream that broke.
   *
   * @param lost what a client is told whose request is not under way and was never answered
   * @throws Refusal `event_unknown`
   */
  resume(lastEventId: string, lost: (id: RequestId) => Outgoing): Promise<ReadableStream<Uint8Array>>;
  /** Whether somebody listens to the stream now. */
  isLive(stream: string): boolean;
  /** Whether what is said on the stream is kept for whoever comes back for it. */
  isKept(stream: string): boolean;
  /** Id of the last event of the standing stream; `undefined`: it was never opened. */
  told(): string | undefined;
  /** The newest request's stream that somebody listens to. */
  newest(): string | undefined;
  /** Send in turn. */
  send(stream: string, message: Outgoing, how?: How): void;
  /** Resolves when everything that was to be sent so far was written down and sent. */
  settled(): Promise<void>;
  /** Close a request's stream without a response. */
  end(stream: string): void;
  /** Close them all. */
  close(): void;
}

interface Open {
  connection: Connection | undefined;
  /** Whether the client knows an id from which it could resume. */
  resumable: boolean;
}

interface State extends StreamsParts {
  readonly streams: Map<string, Open>;
  /** What stands in the line. */
  readonly waiting: { messages: number; characters: number };
  line: Promise<void>;
  closed: boolean;
  /** Whether the standing stream was ever open. */
  everStood: boolean;
}

const encoder = new TextEncoder();
// An upstream may announce things faster than they can be written down.
const waitingMax = { messages: 5000, characters: 2 * 1024 * 1024 };

function emptyState(parts: StreamsParts): State {
  return {
    ...parts,
    streams: new Map(),
    waiting: { messages: 0, characters: 0 },
    line: Promise.resolve(),
    closed: false,
    everStood: parts.stood,
  };
}

/** No stream is open yet. */
export function openStreams(parts: StreamsParts): Streams {
  const state = emptyState(parts);
  if (parts.stood) state.streams.set(standing, { connection: undefined, resumable: true });
  let count = 0;
  const begin = (stream: string, open: Open): ReadableStream<Uint8Array> => {
    state.streams.set(stream, open);
    const body = attach(state, open);
    if (parts.primes) {
      open.resumable = true;
      inTurn(state, async () =>
        open.connection?.write(`id: ${parts.events.idNow(stream)}\nretry: ${retryMs}\ndata: \n\n`),
      );
    }
    return body;
  };
  return {
    open(id) {
      const stream = `${parts.generation}-${(count += 1)}~${idText(id)}`;
      return { stream, body: begin(stream, { connection: undefined, resumable: false }) };
    },
    stand() {
      const open = state.streams.get(standing) ?? { connection: undefined, resumable: false };
      state.everStood = true;
      return open.connection === undefined ? begin(standing, open) : undefined;
    },
    resume: (lastEventId, lost) => resume(state, lastEventId, lost),
    isLive: (stream) => state.streams.get(stream)?.connection !== undefined,
    isKept: (stream) => state.streams.get(stream)?.resumable === true,
    told: () => (state.everStood ? parts.events.idNow(standing) : undefined),
    newest: () =>
      [...state.streams].findLast(
        ([stream, { connection }]) => stream !== standing && connection !== undefined,
      )?.[0],
    send: (stream, message, { final = false, at } = {}) =>
      send(state, stream, { text: JSON.stringify(message), final, at }),
    settled: () => state.line,
    end: (stream) => inTurn(state, async () => finish(state, stream)),
    close() {
      state.closed = true;
      for (const { connection } of state.streams.values()) connection?.close();
      state.streams.clear();
    },
  };
}

/** How long a client waits before it comes back for the rest of a stream. */
const retryMs = 1000;

function inTurn(state: State, step: () => Promise<void>): void {
  state.line = state.line.then(step).catch(() => undefined);
}

function send(state: State, stream: string, content: EventContent): void {
  const { text, final, at } = content;
  const open = state.streams.get(stream);
  if (state.closed) return;
  const isFor = open !== undefined && (final || !isCrowded(state));
  if (!isFor) {
    // In turn, too: what was said before is not written down yet.
    if (at !== undefined) inTurn(state, async () => state.onTold({ at, characters: 0, written: true }));
    if (open !== undefined) leaveOut(state, stream, open);
    return;
  }
  // A client that was told no id of this stream cannot come back for it.
  const keeps = open.resumable || (!final && open.connection !== undefined);
  const keeping: Keeping | undefined = keeps ? state.events.keep(stream, content) : undefined;
  open.resumable = keeps;
  const { waiting } = state;
  waiting.messages += 1;
  waiting.characters += text.length;
  inTurn(state, async () => {
    await keeping?.settled;
    waiting.messages -= 1;
    waiting.characters -= text.length;
    const written = keeping?.sent() ?? false;
    if (at !== undefined) state.onTold({ at, characters: text.length, written });
    open.connection?.write(eventText(text, keeping?.id));
    if (final) finish(state, stream);
  });
}

function isCrowded({ waiting }: State): boolean {
  return waiting.messages >= waitingMax.messages || waiting.characters >= waitingMax.characters;
}

// Of progress, less is told. Who listens for news is cut off, cannot resume across what is left out, and so knows of it.
function leaveOut(state: State, stream: string, open: Open): void {
  if (stream !== standing || !open.resumable) return;
  state.events.skip(stream);
  open.connection?.close();
}

function finish(state: State, stream: string): void {
  state.streams.get(stream)?.connection?.close();
  state.streams.delete(stream);
  state.events.end(stream);
}

async function resume(
  state: State,
  lastEventId: string,
  lost: (id: RequestId) => Outgoing,
): Promise<ReadableStream<Uint8Array>> {
  const replayed = Promise.withResolvers<ReadableStream<Uint8Array>>();
  const replay = async (): Promise<void> => {
    const { stream, events, ended } = await state.events.after(lastEventId);
    const known = state.streams.get(stream);
    const open: Open = known ?? { connection: undefined, resumable: true };
    if (state.closed)
      return replayed.resolve(new ReadableStream({ start: (controller) => controller.close() }));
    if (stream === standing) {
      state.streams.set(standing, open);
      state.everStood = true;
    }
    // The client came back: what it had before is broken, whether we have noticed or not.
    open.connection?.close();
    replayed.resolve(attach(state, open));
    for (const { id, text } of events) open.connection?.write(eventText(text, id));
    if (stream === standing || known !== undefined) return;
    const request = idOf(stream);
    if (!ended && request !== undefined)
      open.connection?.write(eventText(JSON.stringify(lost(request)), undefined));
    open.connection?.close();
  };
  inTurn(state, () => replay().catch(replayed.reject));
  return replayed.promise;
}

function eventText(text: string, id: string | undefined): string {
  return `event: message\n${id === undefined ? '' : `id: ${id}\n`}data: ${text}\n\n`;
}

// A stream's name says which request it answers, so that whoever takes the session over can say that it was lost.
function idText(id: RequestId): string {
  const text = Buffer.from(JSON.stringify(id)).toString('base64url');
  return text.length <= 150 ? text : '';
}

function idOf(stream: string): RequestId | undefined {
  const text = Buffer.from(stream.slice(stream.indexOf('~') + 1), 'base64url').toString('utf8');
  try {
    const id: unknown = JSON.parse(text);
    return typeof id === 'string' || typeof id === 'number' ? id : undefined;
  } catch {
    return undefined;
  }
}

interface Connection {
  write(text: string): void;
  close(): void;
}

function attach({ keepAliveMs }: StreamsParts, open: Open): ReadableStream<Uint8Array> {
  let timer: NodeJS.Timeout | undefined;
  const leave = (): void => {
    clearInterval(timer);
    if (open.connection === connection) open.connection = undefined;
  };
  let connection: Connection | undefined;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      connection = {
        write: (text) => controller.enqueue(encoder.encode(text)),
        close() {
          if (open.connection !== connection) return;
          leave();
          controller.close();
        },
      };
      open.connection = connection;
      timer = setInterval(() => connection?.write(': keep-alive\n\n'), keepAliveMs).unref();
    },
    cancel: leave,
  });
}
