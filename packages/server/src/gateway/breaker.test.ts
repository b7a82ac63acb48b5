import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakerDefaults, openBreaker, type Breaker } from './breaker.ts';

const settings = breakerDefaults;

/** Let one request through and let it fail at once. */
function fail(breaker: Breaker, atMs: number): void {
  expect(breaker.enter(atMs)).toBeUndefined();
  breaker.failed(atMs, atMs);
}

function rested(failures: number = settings.failuresMax): Breaker {
  const breaker = openBreaker(settings);
  for (let count = 0; count < failures; count += 1) fail(breaker, count);
  return breaker;
}

describe('an upstream', () => {
  it('rests after five failures in a row, and not after four', () => {
    expect(rested(4).enter(10)).toBeUndefined();
    expect(rested(5).enter(10)).toBe(994);
  });

  it('does not rest when an answer comes in between', () => {
    const breaker = rested(4);
    breaker.answered(5);
    for (let count = 0; count < 4; count += 1) fail(breaker, 6 + count);
    expect(breaker.enter(20)).toBeUndefined();
  });

  it('does not rest after failures that are far apart', () => {
    const breaker = openBreaker(settings);
    for (let count = 0; count < 20; count += 1) fail(breaker, count * (settings.windowMs + 1));
    expect(breaker.resting).toBe(false);
  });

  it('does not rest because of requests that hang while others are answered', () => {
    const breaker = openBreaker(settings);
    for (let count = 0; count < 50; count += 1) breaker.enter(count);
    breaker.answered(100);
    for (let count = 0; count < 50; count += 1) breaker.failed(count, 300_000);
    expect([breaker.resting, breaker.failures]).toEqual([false, 0]);
  });

  it('is asked by one request after its rest, and by all once that is answered', () => {
    const breaker = rested();
    expect([breaker.enter(1004), breaker.enter(1005), breaker.enter(1006)]).toEqual([undefined, 9999, 9998]);
    breaker.answered(1010);
    expect([breaker.enter(1011), breaker.enter(1011), breaker.resting]).toEqual([
      undefined,
      undefined,
      false,
    ]);
  });

  it('rests twice as long after each failed try, up to a minute', () => {
    const breaker = rested();
    let nowMs = 1004;
    const rests: (number | undefined)[] = [];
    for (let count = 0; count < 8; count += 1) {
      fail(breaker, nowMs);
      const waitMs = breaker.enter(nowMs);
      rests.push(waitMs);
      nowMs += waitMs ?? 0;
    }
    expect(rests).toEqual([2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('does not rest longer because many requests that were under way fail with it', () => {
    const breaker = openBreaker(settings);
    for (let count = 0; count < 500; count += 1) breaker.enter(0);
    for (let count = 0; count < 500; count += 1) breaker.failed(0, 1);
    expect(breaker.enter(1)).toBe(1000);
  });

  it('is asked by the next request when the first one was given up, and after ten seconds when it hangs', () => {
    const breaker = rested();
    breaker.enter(2000);
    breaker.left(2000);
    expect(breaker.enter(2001)).toBeUndefined();
    expect(breaker.enter(2002)).toBe(9999);
    expect(breaker.enter(12_001)).toBeUndefined();
  });
});

/** What may happen to an upstream. */
interface Step {
  readonly kind: 'enter' | 'wait' | 'answered' | 'failed' | 'left';
  /** Time that passes before. */
  readonly ms: number;
  /** Chooses among the requests under way. */
  readonly pick: number;
}

const ms = fc.oneof(fc.constantFrom(0, 1, 1000), fc.integer({ min: 0, max: 70_000 }));
const often = fc.constantFrom('enter', 'failed');
const kind = fc.oneof(often, fc.constantFrom('enter', 'wait', 'answered', 'failed', 'left'));
const steps = fc.array(fc.record({ kind, ms, pick: fc.nat() }) as fc.Arbitrary<Step>, { maxLength: 120 });

interface Run {
  readonly breaker: Breaker;
  readonly underWay: number[];
  nowMs: number;
  /** Failures that were told since the last answer. */
  told: number;
  /** Requests let through while it rested, by the time they began. */
  readonly probes: number[];
}

function take(run: Run, step: Step): void {
  const { breaker, underWay } = run;
  run.nowMs += step.ms;
  if (step.kind === 'wait' || step.kind === 'enter') {
    if (step.kind === 'wait') return;
    const was = breaker.resting;
    const waitMs = breaker.enter(run.nowMs);
    if (waitMs !== undefined) {
      expect(run.told).toBeGreaterThanOrEqual(settings.failuresMax);
      expect(waitMs).toBeGreaterThan(0);
      expect(waitMs).toBeLessThanOrEqual(settings.restMsMax);
      return;
    }
    if (was) run.probes.push(run.nowMs);
    underWay.push(run.nowMs);
    return;
  }
  const [beganMs] = underWay.splice(step.pick % Math.max(underWay.length, 1), 1);
  if (beganMs === undefined) return;
  if (step.kind === 'left') return breaker.left(beganMs);
  if (step.kind === 'failed') {
    run.told += 1;
    return breaker.failed(beganMs, run.nowMs);
  }
  run.told = 0;
  breaker.answered(run.nowMs);
  expect(breaker.resting).toBe(false);
  expect(breaker.enter(run.nowMs)).toBeUndefined();
  breaker.left(run.nowMs);
}

function play(all: readonly Step[]): Run {
  const run: Run = { breaker: openBreaker(settings), underWay: [], nowMs: 0, told: 0, probes: [] };
  for (const step of all) take(run, step);
  return run;
}

describe('whatever happens', () => {
  it('nothing is refused without failures enough, no rest is longer than a minute, and an answer ends it', () => {
    fc.assert(
      fc.property(steps, (all) => void play(all)),
      { numRuns: 2000 },
    );
  });

  it('an upstream that is left alone long enough is asked again, by one request only', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { breaker, nowMs } = play(all);
        if (!breaker.resting) return;
        const laterMs = nowMs + settings.restMsMax + settings.probeMs;
        expect(breaker.enter(laterMs)).toBeUndefined();
        for (let afterMs = 1; afterMs < settings.probeMs; afterMs += 999)
          expect(breaker.enter(laterMs + afterMs)).toBeGreaterThan(0);
      }),
      { numRuns: 2000 },
    );
  });

  it('requests that say nothing of it never make it rest', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const kept = all.filter(({ kind }) => kind !== 'failed');
        expect(play(kept).breaker.resting).toBe(false);
      }),
    );
  });
});
