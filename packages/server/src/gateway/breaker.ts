// When an upstream is left alone. Failures in a row, with no answer between them, make it rest; after the rest one request
// goes through, and its end decides: an answer and all go again, a failure and the rest is twice as long. Times are of a
// clock that never goes back.

/** When to rest, and how long. */
export interface BreakerSettings {
  /** So many failures in a row make an upstream rest. */
  readonly failuresMax: number;
  /** A failure that comes later than this after the one before it is the first again. */
  readonly windowMs: number;
  readonly restMs: number;
  /** Rests double up to this. */
  readonly restMsMax: number;
  /** A first request after a rest that has no answer for so long lets another one through. */
  readonly probeMs: number;
}

/** What holds without a word from the configuration. */
export const breakerDefaults: BreakerSettings = {
  failuresMax: 5,
  windowMs: 60_000,
  restMs: 1000,
  restMsMax: 60_000,
  probeMs: 10_000,
};

/** The breaker of one upstream. Each request that `enter` let through ends in one of the three others. */
export interface Breaker {
  /** Failures since the last answer. */
  readonly failures: number;
  readonly resting: boolean;
  /** Milliseconds until it is worth asking again; `undefined`: go ahead. */
  enter(nowMs: number): number | undefined;
  /** The upstream answered, whatever it said. */
  answered(nowMs: number): void;
  /** It was not reached, broke off, or kept silent. */
  failed(beganAtMs: number, nowMs: number): void;
  /** The request ended without saying anything of the upstream. */
  left(beganAtMs: number): void;
}

/** A closed one: everything goes. */
export function openBreaker(settings: BreakerSettings): Breaker {
  let failures = 0;
  let failedAtMs = -Infinity;
  let answeredAtMs = -Infinity;
  let rest: { readonly untilMs: number; readonly lengthMs: number } | undefined;
  let probingSinceMs: number | undefined;
  return {
    get failures() {
      return failures;
    },
    get resting() {
      return rest !== undefined;
    },
    enter(nowMs) {
      if (rest === undefined) return undefined;
      if (nowMs < rest.untilMs) return rest.untilMs - nowMs;
      const probeEndsMs = (probingSinceMs ?? -Infinity) + settings.probeMs;
      if (nowMs < probeEndsMs) return probeEndsMs - nowMs;
      probingSinceMs = nowMs;
      return undefined;
    },
    answered(nowMs) {
      answeredAtMs = nowMs;
      if (failures === 0) return;
      failures = 0;
      rest = probingSinceMs = undefined;
    },
    failed(beganAtMs, nowMs) {
      // Others were answered meanwhile: it is this request that is slow or was dropped, not the upstream that is gone.
      if (beganAtMs < answeredAtMs) return;
      // What was under way when the rest began says nothing new.
      if (rest !== undefined && beganAtMs < rest.untilMs) return;
      failures = rest === undefined && nowMs - failedAtMs > settings.windowMs ? 1 : failures + 1;
      failedAtMs = nowMs;
      if (rest === undefined && failures < settings.failuresMax) return;
      const lengthMs = rest === undefined ? settings.restMs : Math.min(rest.lengthMs * 2, settings.restMsMax);
      rest = { untilMs: nowMs + lengthMs, lengthMs };
      probingSinceMs = undefined;
    },
    left(beganAtMs) {
      if (probingSinceMs === beganAtMs) probingSinceMs = undefined;
    },
  };
}
