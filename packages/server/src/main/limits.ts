import { within, type Sealer, type UseCounter } from '@sealgate/vault';
import { slidingWindow, type Limiter, type LimitSettings, type Standing } from '../domain/limit.ts';
import type { Log } from '../log.ts';

// Limits over several instances. Uses are counted in Redis; each instance counts what it admits for itself as well. What
// its own count refuses is refused without asking: it is part of the whole. While Redis does not answer, the own count
// decides alone, so that a limiter neither opens the gate nor closes it: N instances then admit up to N times as much.

/** What {@link openLimits} stands on. */
export interface LimitsParts {
  /** Counts for all instances. */
  readonly counter: UseCounter;
  readonly sealer: Pick<Sealer, 'blind'>;
  readonly log: Log;
  /** Milliseconds, of a clock that never goes back. */
  readonly now: () => number;
  /** Longest wait for Redis; 500 when not given. */
  readonly answerMs?: number | undefined;
}

/** Opens one limit. @param name which one it is, as `mcp` */
export type OpenLimit = (name: string, settings: LimitSettings) => Limiter;

const answerMsMax = 500;
/** Redis that did not answer is left alone so long; then one use asks it again. */
const restMs = 1000;

/** Limits that several instances share. */
export function openLimits(parts: LimitsParts): OpenLimit {
  const { counter, sealer, now } = parts;
  const asked = patience(parts);
  return (name, settings) => {
    const own = slidingWindow(settings, now);
    const nameOf = (key: string): string => sealer.blind('limits', JSON.stringify([name, key]));
    return {
      async check(key) {
        const standing = own.check(key);
        if (!standing.allowed) return standing;
        const counted = await asked(() => counter.look(nameOf(key), settings));
        return counted === undefined ? own.check(key) : standingOf(counted, settings);
      },
      async consume(key) {
        const standing = own.check(key);
        if (!standing.allowed) return standing;
        const counted = await asked(() => counter.use(nameOf(key), settings));
        if (counted === undefined) return own.consume(key);
        if (counted.allowed) own.consume(key);
        return standingOf(counted, settings);
      },
    };
  };
}

function standingOf(
  { allowed, used, freesInMs }: Awaited<ReturnType<UseCounter['use']>>,
  { limit }: LimitSettings,
): Standing {
  return { allowed, limit, remaining: Math.max(0, limit - used), freesInMs };
}

/** @returns what was answered; `undefined`: nobody answers now */
function patience({ log, now, answerMs = answerMsMax }: LimitsParts) {
  let asksAgainAtMs: number | undefined;
  const failed = (error: unknown): undefined => {
    if (asksAgainAtMs === undefined)
      log.warn(
        { err: error },
        'Redis does not count uses: until it does, each instance counts limits for itself',
      );
    asksAgainAtMs = now() + restMs;
  };
  return async <V>(ask: () => Promise<V>): Promise<V | undefined> => {
    // Who asks after a failure; what was asked before it and answered since ends nothing.
    const tries = asksAgainAtMs !== undefined;
    if (asksAgainAtMs !== undefined) {
      if (now() < asksAgainAtMs) return undefined;
      // Nobody else asks while this one waits.
      asksAgainAtMs = now() + answerMs + restMs;
    }
    try {
      const answer = await within(answerMs, ask());
      if (!tries) return answer;
      log.info('Redis counts uses again: limits hold over all instances');
      asksAgainAtMs = undefined;
      return answer;
    } catch (error) {
      return failed(error);
    }
  };
}
