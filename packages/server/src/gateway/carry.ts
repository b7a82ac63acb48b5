import type { Answer, Carry, Outgoing } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { receive, type AnswerSizes } from './answer.ts';
import { methodOf } from './methods.ts';
import { openPools, type PoolSettings } from './pools.ts';
import { Silence } from './silence.ts';

/** Everything that bounds a request to an upstream. */
export interface CarrySettings extends PoolSettings, AnswerSizes {
  /** Longest call, from sending to the last byte; of a stream that stays open, to its headers. */
  readonly callMs: number;
}

/** What holds without a word from the configuration. */
export const carryDefaults: CarrySettings = {
  callMs: 300_000,
  callConnectionsMax: 512,
  streamConnectionsMax: 2048,
  connectMs: 10_000,
  idleMs: 60_000,
  headerBytesMax: 32 * 1024,
  collectedBytesMax: 64 * 1024,
  waitingBytesMax: 256 * 1024,
};

/** Sends requests to upstreams. */
export interface OpenCarry {
  /**
   * @throws Refusal `upstream_unavailable` (not reached, broke off, compressed its answer), `upstream_timeout`; the reader of a
   *   streamed body gets the same
   */
  readonly carry: Carry;
  /** Breaks off whatever is under way and closes every connection. */
  close(): Promise<void>;
}

/** @param now milliseconds, of a clock that never goes back */
export function openCarry(
  settings: CarrySettings = carryDefaults,
  now: () => number = () => performance.now(),
): OpenCarry {
  const pools = openPools(settings, now);
  return { carry: (outgoing) => send(outgoing, pools, settings), close: () => pools.close() };
}

function send(
  outgoing: Outgoing,
  pools: ReturnType<typeof openPools>,
  settings: CarrySettings,
): Promise<Answer> {
  const { signal } = outgoing;
  if (signal.aborted) return Promise.reject(clientGone());
  const staysOpen = outgoing.method === 'GET' || methodOf(outgoing.headers['mcp-method'] ?? '').longLived;
  const { pool, done } = pools.use(outgoing.origin, staysOpen ? 'stream' : 'call');
  let over = false;
  const receiving = receive(settings, {
    onHeaders: () => {
      if (staysOpen) clearTimeout(timer);
    },
    onEnd: () => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      done();
    },
  });
  const onAbort = (): void => receiving.abort(clientGone());
  const timer =
    outgoing.untimed === undefined
      ? setTimeout(() => receiving.abort(tooLate(settings.callMs)), settings.callMs)
      : undefined;
  signal.addEventListener('abort', onAbort, { once: true });
  pool.dispatch(
    {
      path: outgoing.path,
      method: outgoing.method,
      headers: { ...outgoing.headers },
      body: outgoing.body ?? null,
    },
    receiving.handler,
  );
  return receiving.answer;
}

function clientGone(): Error {
  return refuse('upstream_unavailable', 'the client went away before the upstream had answered');
}

function tooLate(callMs: number): Error {
  return new Silence(
    'upstream_timeout',
    `the upstream did not answer within ${Math.round(callMs / 1000)} seconds`,
  );
}
