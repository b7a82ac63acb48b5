import type { Answer, Gate, Lent, Use } from '@sealgate/vault';
import { refuse, TryLater } from '../errors.ts';
import { breakerDefaults, openBreaker, type Breaker, type BreakerSettings } from './breaker.ts';
import { methodOf, openStream } from './methods.ts';
import { isMessage } from './relay.ts';
import { Silence } from './silence.ts';

// The gate, with bounds for each upstream of each group: one that is slow cannot take all of the gateway, and one that is
// gone is left alone for a while. A request that is turned away here opens nothing, sends nothing and leaves no attempt.

/** Bounds of one upstream of one group. */
export interface BoundSettings extends BreakerSettings {
  /** Calls under way at once, links' own requests included. */
  readonly callsMax: number;
  /** Streams that stay open; counted apart, so that quiet listeners cannot keep calls out. */
  readonly streamsMax: number;
}

/** A quarter of what the gateway takes in all. */
export const boundDefaults: BoundSettings = { ...breakerDefaults, callsMax: 256, streamsMax: 1024 };

/** A gate with bounds. */
export interface BoundedGate extends Gate {
  /**
   * @throws Refusal `overloaded`, `upstream_unavailable` (a {@link TryLater}: it rests), and those of the gate
   */
  readonly use: Gate['use'];
  /** Forget the failures of an upstream: it, or how it is reached, has changed. */
  forgive(tenant: string, upstream: string): void;
  /** How many upstreams rest now. */
  resting(): number;
}

interface Standing {
  breaker: Breaker;
  calls: number;
  streams: number;
}

/** @param now milliseconds, of a clock that never goes back */
export function boundGate(
  gate: Gate,
  settings: BoundSettings = boundDefaults,
  now: () => number = () => performance.now(),
): BoundedGate {
  const standings = new Map<string, Standing>();
  const standingOf = (tenant: string, upstream: string): Standing => {
    const key = `${tenant}/${upstream}`;
    const known = standings.get(key);
    if (known !== undefined) return known;
    const made = { breaker: openBreaker(settings), calls: 0, streams: 0 };
    standings.set(key, made);
    return made;
  };
  const forgive = (tenant: string, upstream: string): void => {
    const known = standings.get(`${tenant}/${upstream}`);
    // What is still under way speaks of what was before, to a breaker that nobody asks any more.
    if (known !== undefined) known.breaker = openBreaker(settings);
  };
  // What may have changed unheard rests no longer than it would have.
  gate.onChange((change) => change !== undefined && forgive(change.tenant, change.upstream));
  return {
    async use(asked, work) {
      const standing = standingOf(asked.context.tenant, asked.upstream);
      const kind = staysOpen.has(asked.act) ? 'streams' : 'calls';
      if (standing[kind] >= settings[`${kind}Max`]) throw crowded(asked, kind);
      const { breaker } = standing;
      const beganAtMs = now();
      const waitMs = breaker.enter(beganAtMs);
      if (waitMs !== undefined) throw atRest(asked, breaker, waitMs);
      standing[kind] += 1;
      try {
        await gate.use(asked, (lent) => work(watched(lent, { breaker, beganAtMs, now })));
      } finally {
        standing[kind] -= 1;
        breaker.left(beganAtMs);
      }
    },
    lendToChild: (asked) => gate.lendToChild(asked),
    lends: (asked) => gate.lends(asked),
    onChange: (listener) => gate.onChange(listener),
    forgive,
    resting: () => [...standings.values()].filter(({ breaker }) => breaker.resting).length,
  };
}

const staysOpen: ReadonlySet<string> = new Set([openStream.act, methodOf('subscriptions/listen').act]);

interface Watch {
  readonly breaker: Breaker;
  readonly beganAtMs: number;
  readonly now: () => number;
}

function watched(lent: Lent, { breaker, beganAtMs, now }: Watch): Lent {
  return async (outgoing) => {
    try {
      const answer = await lent(outgoing);
      if (isBroken(answer)) breaker.failed(beganAtMs, now());
      else breaker.answered(now());
      return answer;
    } catch (error) {
      // A link gives up a request by itself when its time is over, and says so to the carry.
      if (error instanceof Silence || outgoing.signal.reason instanceof Silence)
        breaker.failed(beganAtMs, now());
      throw error;
    }
  };
}

// A proxy in front of a dead server answers for it. What is an MCP message comes from the server itself, and what is
// below 500 speaks of the request or of its credential.
function isBroken({ status, headers, body }: Answer): boolean {
  return status >= 500 && !isMessage(headers, body);
}

function crowded({ upstream }: Use, kind: 'calls' | 'streams'): Error {
  return refuse(
    'overloaded',
    `the upstream ${JSON.stringify(upstream)} has as many ${kind} under way as one may have: try again in a moment`,
  );
}

function atRest({ upstream }: Use, { failures }: Breaker, waitMs: number): Error {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new TryLater(
    'upstream_unavailable',
    `the upstream ${JSON.stringify(upstream)} is resting after ${failures} failures: it is tried again in ${seconds} s`,
    seconds,
  );
}
