import type { Call } from '../calls.ts';
import { dayOf } from './local-days.ts';
import { localClock, type LocalClock } from './local-hours.ts';

/** How often something was the case. */
export interface Count {
  readonly name: string;
  readonly calls: number;
}

/** Calls, counted by what they are. Each list has the most frequent first, days in order. */
export interface Stats {
  readonly calls: number;
  readonly acts: readonly Count[];
  /** `none`: cut off, or under way. */
  readonly outcomes: readonly Count[];
  /** Upstreams and providers. */
  readonly services: readonly Count[];
  readonly days: readonly Count[];
}

/** What is counted of a call. */
export interface CountedCall {
  readonly act: string;
  readonly outcome: string;
  /** `undefined`: there is none. */
  readonly service: string | undefined;
  /** Such as `2026-11-22`. */
  readonly day: string;
}

/** Adds up. */
export interface StatsTally {
  /** @param calls so many; may be below 0, for what was counted and is not so */
  add(counted: CountedCall, calls: number): void;
  list(): Stats;
}

/** Nothing is counted yet. */
export function statsTally(): StatsTally {
  const [acts, outcomes, services, days] = [tally(), tally(), tally(), tally()];
  let count = 0;
  return {
    add({ act, outcome, service, day }, calls) {
      count += calls;
      acts.add(act, calls);
      outcomes.add(outcome, calls);
      if (service !== undefined) services.add(service, calls);
      days.add(day, calls);
    },
    list: () => ({
      calls: count,
      acts: acts.list(mostFirst),
      outcomes: outcomes.list(mostFirst),
      services: services.list(mostFirst),
      days: days.list(byName),
    }),
  };
}

/** What is counted of a call. @param clock whose days */
export function countedCall({ attempt, outcome }: Call, clock: LocalClock): CountedCall {
  const { act = '', svc: service, ts } = attempt;
  return { act, outcome: outcome?.out ?? 'none', service, day: dayOf(clock, ts) };
}

/** Count calls. @param zone whose days, an IANA name @throws Refusal `item_invalid` for a zone that there is not */
export async function statsOf(calls: AsyncIterable<readonly Call[]>, zone: string): Promise<Stats> {
  const clock = localClock(zone);
  const stats = statsTally();
  for await (const page of calls) for (const call of page) stats.add(countedCall(call, clock), 1);
  return stats.list();
}

function tally() {
  const counts = new Map<string, number>();
  return {
    add: (name: string, calls: number) => void counts.set(name, (counts.get(name) ?? 0) + calls),
    list: (order: (a: Count, b: Count) => number): readonly Count[] =>
      [...counts]
        .filter(([, calls]) => calls > 0)
        .map(([name, calls]) => ({ name, calls }))
        .toSorted(order),
  };
}

function byName(a: Count, b: Count): number {
  return a.name < b.name ? -1 : 1;
}

function mostFirst(a: Count, b: Count): number {
  return b.calls - a.calls || byName(a, b);
}
