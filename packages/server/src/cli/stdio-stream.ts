import { setTimeout as sleep } from 'node:timers/promises';
import { readMessages, type Reading, type Send } from './stdio-exchange.ts';

// The stream of a session (GET), on which the gateway says what belongs to no request. It is asked for again whenever it
// ends, from the last event on.

/** Keeps one stream open. */
export interface Follower {
  /** Open it, in the place of one that is open. */
  listen(): void;
  stop(): void;
}

/** What it needs. */
export interface FollowerParts {
  readonly send: Send;
  /** Of the session as it is now. */
  readonly headers: () => Record<string, string>;
  readonly bytesMax: number;
  readonly heard: (message: string) => Promise<void>;
  /** Called when the gateway does not know the session. @returns whether there is a new one, with a stream of its own */
  readonly gone: () => Promise<boolean>;
}

const retryMsDefault = 1000;
const retryMsMax = 15_000;

/** Open it, following nothing. */
export function openFollower(parts: FollowerParts): Follower {
  let listening: AbortController | undefined;
  const follow = async (signal: AbortSignal): Promise<void> => {
    const reading: Reading = { lastEventId: undefined, retryMs: undefined };
    for (let failures = 0; !signal.aborted;) {
      const came = await readOnce(parts, reading, signal).catch(() => 'failed' as const);
      if (came === 'none' || signal.aborted) return;
      if (came === 'gone' && (await parts.gone())) return;
      failures = came === 'again' ? 0 : failures + 1;
      const waitMs = (reading.retryMs ?? retryMsDefault) * 2 ** Math.min(failures, 5);
      await sleep(Math.min(retryMsMax, waitMs), undefined, { signal }).catch(() => undefined);
    }
  };
  return {
    listen() {
      listening?.abort();
      listening = new AbortController();
      void follow(listening.signal);
    },
    stop: () => listening?.abort(),
  };
}

/** @returns `none` when the gateway offers no stream */
async function readOnce(
  { send, headers, bytesMax, heard }: FollowerParts,
  reading: Reading,
  signal: AbortSignal,
): Promise<'again' | 'failed' | 'gone' | 'none'> {
  const resume = reading.lastEventId === undefined ? {} : { 'last-event-id': reading.lastEventId };
  const asked = { accept: 'text/event-stream', ...headers(), ...resume };
  const answer = await send({ method: 'GET', headers: asked, signal });
  const status = answer.statusCode ?? 500;
  if (status !== 200) {
    answer.resume();
    return status === 404 ? 'gone' : status >= 500 ? 'failed' : 'none';
  }
  await readMessages(answer, { bytesMax, reading }, heard);
  return 'again';
}
