import { setTimeout as sleep } from 'node:timers/promises';
import { ProtocolError } from '@modelcontextprotocol/client';
import { refuse } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import { deliver, type ModernState } from './http-modern-calls.ts';
import type { Sending } from './link.ts';

// What an HTTP upstream of 2026-07-28 announces, over subscriptions.

const foreverMs = 2_147_483_647;

/** The lists that these capabilities declare as changing. */
export function listsOf(capabilities: Values | undefined): Values {
  const changes = (name: string): boolean =>
    (capabilities?.[name] as Values | undefined)?.['listChanged'] === true;
  return {
    ...(changes('tools') ? { toolsListChanged: true } : {}),
    ...(changes('prompts') ? { promptsListChanged: true } : {}),
    ...(changes('resources') ? { resourcesListChanged: true } : {}),
  };
}

/**
 * Watch one resource until the returned function is called.
 *
 * @throws ProtocolError the upstream's own; Refusal `upstream_timeout`, and those of `exchange`
 */
export async function watch(state: ModernState, uri: string, about: About): Promise<() => Promise<void>> {
  const ended = new AbortController();
  const signal = AbortSignal.any([state.life.signal, ended.signal]);
  const notifications = { resourceSubscriptions: [uri] };
  const begun = await listen(state, notifications, { ...about, signal });
  const over = keepListening(state, notifications, { context: about.context, signal, begun });
  return async () => {
    ended.abort();
    await over;
  };
}

type About = Pick<Sending, 'context' | 'timeoutMs'>;

interface Listening {
  /** Settles when the subscription is over, for whatever reason. */
  readonly over: Promise<void>;
}

/** Open a subscription; resolves when it is acknowledged. It ends with `signal`. */
async function listen(
  state: ModernState,
  notifications: Values,
  { context, timeoutMs, signal }: About & Pick<Sending, 'signal'>,
): Promise<Listening> {
  const stop = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    reject(refuse('upstream_timeout', `upstream "${state.parts.upstream.name}" did not acknowledge in time`));
    stop.abort();
  }, timeoutMs);
  const sending = {
    context,
    timeoutMs: foreverMs,
    signal: AbortSignal.any([signal, stop.signal]),
    onProgress: undefined,
  };
  const params = { notifications };
  const onMessage = ({ method }: Values): void => {
    if (method === 'notifications/subscriptions/acknowledged') resolve();
  };
  const over = state.calls
    .run(sending, (waiting) =>
      deliver(state, { method: 'subscriptions/listen', params, waiting, sending, onMessage }),
    )
    .then(() => resolve(), reject);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
  return { over };
}

interface Keeping extends Pick<Sending, 'context' | 'signal'> {
  /** A subscription that stands. `undefined`: none yet. */
  readonly begun: Listening | undefined;
}

/** Keep a subscription until `signal` ends it: one that breaks off is opened again, ever less often; one that is refused is not. */
export async function keepListening(
  state: ModernState,
  notifications: Values,
  { context, signal, begun }: Keeping,
): Promise<void> {
  const about = { context, signal, timeoutMs: state.parts.limits.startSeconds * 1000 };
  let listening = begun;
  let waitMs = 500;
  while (!signal.aborted) {
    const startedAtMs = performance.now();
    try {
      listening ??= await listen(state, notifications, about);
      await listening.over;
    } catch (error) {
      if (error instanceof ProtocolError) return;
    }
    listening = undefined;
    if (signal.aborted) return;
    waitMs = performance.now() - startedAtMs > 10_000 ? 500 : Math.min(2 * waitMs, 60_000);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
}
