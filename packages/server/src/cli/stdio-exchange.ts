import type { IncomingMessage } from 'node:http';
import { Refusal } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import type { Door } from './stdio-door.ts';
import { openEventReader } from './stdio-events.ts';
import { bodyText, sendOver, type Sent } from './stdio-wire.ts';

// Requests to the gateway behind the door, and the JSON-RPC messages in what it answers.

/** Sends one request. @throws Refusal `gateway_unreachable` and those of `Door.reach`; the signal's reason */
export type Send = (sent: Omit<Sent, 'path'>) => Promise<IncomingMessage>;

const attemptsMax = 3;

/** @param path such as `/mcp/docs` */
export function openSend(door: Pick<Door, 'reach' | 'lost'>, path: string): Send {
  return async (sent) => {
    for (let attempt = 1; ; attempt += 1) {
      const socketPath = await unlessAborted(door.reach(), sent.signal);
      const came = await sendOver(socketPath, { ...sent, path });
      if ('answer' in came) return came.answer;
      sent.signal.throwIfAborted();
      door.lost();
      // What the gateway may have carried out is never sent again by itself.
      if (came.failure.unseen && attempt < attemptsMax) continue;
      const { error } = came.failure;
      throw refuse('gateway_unreachable', 'the gateway went away before it answered', error.message, error);
    }
  };
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** What was read of an answer, and how to ask for the rest. */
export interface Reading {
  /** The last event's id; `undefined`: the rest cannot be asked for. */
  lastEventId: string | undefined;
  /** What the server said of when to ask for it. */
  retryMs: number | undefined;
}

/**
 * Hand every JSON-RPC message of an answer on, as text without line breaks. Returns when the answer ends, whole or not.
 *
 * @throws Refusal `answer_too_large`
 */
export async function readMessages(
  answer: IncomingMessage,
  { bytesMax, reading }: { readonly bytesMax: number; readonly reading: Reading },
  each: (message: string) => Promise<void>,
): Promise<void> {
  if (!isStream(answer)) {
    const text = await bodyText(answer, bytesMax);
    if (text !== undefined && text.trim() !== '') await each(oneLine(text));
    return;
  }
  const reader = openEventReader(bytesMax);
  answer.setEncoding('utf8');
  try {
    for await (const piece of answer as AsyncIterable<string>)
      for (const { id, data } of reader.push(piece)) {
        if (id !== undefined) reading.lastEventId = id;
        reading.retryMs = reader.retryMs() ?? reading.retryMs;
        if (data !== '') await each(oneLine(data));
      }
  } catch (error) {
    if (error instanceof Refusal) throw error;
  } finally {
    answer.destroy();
  }
}

/** Whether an answer is a stream of events. */
export function isStream(answer: IncomingMessage): boolean {
  return (answer.headers['content-type'] ?? '').toLowerCase().startsWith('text/event-stream');
}

/** A line break can only stand between the tokens of JSON, where a blank means the same. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ').trim();
}
