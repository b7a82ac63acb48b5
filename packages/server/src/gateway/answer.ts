import type { Answer } from '@sealgate/vault';
import type { Dispatcher } from 'undici';
import { refuse } from '../errors.ts';
import { bodyQueue, type BodyQueue, type Source } from './body-queue.ts';
import { bodyTypeOf } from './headers.ts';
import { addPiece, joined } from './pieces.ts';
import { Silence } from './silence.ts';

// What undici tells of one request, made into an Answer. An event stream is handed over with its headers; everything
// else is collected while it is small, because one piece costs far less than a stream, and becomes a stream when it is not.

/** The sizes of one answer. */
export interface AnswerSizes {
  /** Bodies up to this many bytes are collected. */
  readonly collectedBytesMax: number;
  /** Bytes of a streamed body that wait for a slow client before the upstream is paused. */
  readonly waitingBytesMax: number;
}

/** One answer in the making. */
export interface Receiving {
  readonly handler: Dispatcher.DispatchHandler;
  readonly answer: Promise<Answer>;
  /** Break off; whoever waits for the answer or reads its body gets `reason`. */
  abort(reason: Error): void;
}

/** @param hooks `onHeaders` when status and headers have arrived, `onEnd` when nothing more will come, for whatever reason */
export function receive(sizes: AnswerSizes, hooks: { onHeaders(): void; onEnd(): void }): Receiving {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let controller: Dispatcher.DispatchController | undefined;
  let aborted: Error | undefined;
  const abort = (reason: Error): void => {
    if (aborted !== undefined) return;
    aborted = reason;
    controller?.abort(reason);
    reject(reason);
    body.fail(reason);
    hooks.onEnd();
  };
  const source: Source = {
    pause: () => controller?.pause(),
    resume: () => controller?.resume(),
    abort: () => abort(new Error('the reader broke off')),
  };
  const body = gather(sizes, source, resolve);
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (aborted !== undefined) started.abort(aborted);
    },
    onResponseStart(started, status, headers) {
      if (status < 200 || aborted !== undefined) return;
      controller = started;
      const head = { status, headers: flat(headers) };
      const refusal = unreadable(head.headers);
      if (refusal !== undefined) return abort(refusal);
      hooks.onHeaders();
      body.begin(head);
    },
    onResponseData: (_, chunk) => body.push(chunk),
    onResponseEnd() {
      body.end();
      hooks.onEnd();
    },
    onResponseError: (_, error) => abort(unavailable(error)),
  };
  return { handler, answer: promise, abort };
}

type Head = Pick<Answer, 'status' | 'headers'>;

/** Collects a body, or streams it, and gives the answer as soon as it is clear which. */
function gather(sizes: AnswerSizes, source: Source, give: (answer: Answer) => void) {
  let head: Head | undefined;
  let stream: BodyQueue | undefined;
  let collected: Uint8Array[] = [];
  let collectedBytes = 0;
  const openStream = (start: Head): void => {
    stream = bodyQueue(source, sizes.waitingBytesMax);
    give({ ...start, body: stream.body });
    for (const chunk of collected) stream.push(chunk);
    collected = [];
  };
  return {
    begin(start: Head): void {
      head = start;
      if (bodyTypeOf(start.headers['content-type']) === 'events') openStream(start);
    },
    push(chunk: Uint8Array): void {
      if (stream !== undefined) return stream.push(chunk);
      addPiece(collected, chunk);
      collectedBytes += chunk.byteLength;
      if (head !== undefined && collectedBytes > sizes.collectedBytesMax) openStream(head);
    },
    end(): void {
      if (stream !== undefined) return stream.end();
      if (head !== undefined) give({ ...head, body: joined(collected) });
    },
    fail(reason: Error): void {
      stream?.fail(reason);
      collected = [];
    },
  };
}

/** A compressed body would hide from the gate what it must not contain, and nobody asked for one. */
function unreadable(headers: Answer['headers']): Error | undefined {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() === 'identity') return undefined;
  return refuse('upstream_unavailable', 'the upstream compressed its answer although it was asked not to');
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined)
      values[name.toLowerCase()] = typeof value === 'string' ? value : value.join(', ');
  return values;
}

/** Only the error's code is told: a message could quote the request, and the request holds the credential. */
function unavailable(error: Error & { readonly code?: unknown }): Error {
  const code = typeof error.code === 'string' ? error.code : error.name;
  const message = `the upstream cannot be reached or broke off (${code})`;
  return isOfRequest(code)
    ? refuse('upstream_unavailable', message)
    : new Silence('upstream_unavailable', message);
}

/** Codes that speak of what was sent, of a rule of ours, or of an answer that did come; not of a lost connection. */
function isOfRequest(code: string): boolean {
  if (code === 'UND_ERR_SOCKET' || code === 'UND_ERR_CONNECT_TIMEOUT') return false;
  return code === 'address_forbidden' || code.startsWith('UND_ERR_');
}
