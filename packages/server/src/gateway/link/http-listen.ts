import { setTimeout as sleep } from 'node:timers/promises';
import { ProtocolError } from '@modelcontextprotocol/client';
import { refuse } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import { deliver, type ModernState } from './http-modern-calls.ts';
import type { Sending } from './link.ts';

// What an HTTP upstream of 2026-07-28 announces, over subscriptions.

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
 * Open a subscription; resolves when it is acknowledged, with how to end it.
 *
 * @throws ProtocolError the upstream's own; Refusal `upstream_timeout`, and those of `exchange`
 */
export async function listen(
  state: ModernState,
  notifications: Values,
  { context, timeoutMs }: Pick<Sending, 'context' | 'timeoutMs'>,
  onOver: () => void = () => undefined,
): Promise<() => Promise<void>> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  state.life.signal.addEventListener('abort', end, { once: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    reject(refuse('upstream_timeout', `upstream "${state.parts.upstream.name}" did not acknowledge in time`));
    stop.abort();
  }, timeoutMs);
  const sending = { context, timeoutMs: 2_147_483_647, signal: stop.signal, onProgress: undefined };
  const params = { notifications };
  const onMessage = ({ method }: Values): void => {
    if (method === 'notifications/subscriptions/acknowledged') resolve();
  };
  const over = state.calls
    .run(sending, (waiting) =>
      deliver(state, { method: 'subscriptions/listen', params, waiting, sending, onMessage }),
    )
    .then(() => resolve(), reject)
    .finally(() => {
      state.life.signal.removeEventListener('abort', end);
      onOver();
    });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
  return async () => {
    stop.abort();
    await over;
  };
}

/** Follow the lists until the link ends. A subscription that breaks off is opened again, ever less often; one that is refused is not. */
export async function keepListening(state: ModernState, lists: Values): Promise<void> {
  const { signal } = state.life;
  const { context, limits } = state.parts;
  let waitMs = 500;
  while (!signal.aborted) {
    const over = Promise.withResolvers<void>();
    const startedAtMs = performance.now();
    try {
      await listen(state, lists, { context, timeoutMs: limits.startSeconds * 1000 }, over.resolve);
    } catch (error) {
      if (error instanceof ProtocolError) return;
    }
    await over.promise;
    waitMs = performance.now() - startedAtMs > 10_000 ? 500 : Math.min(2 * waitMs, 60_000);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
}
