import type { Call } from '../calls.ts';
import { localClock } from './local-hours.ts';

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

/** Count calls. @param zone whose days, an IANA name @throws Refusal `item_invalid` for a zone that there is not */
export async function statsOf(calls: AsyncIterable<readonly Call[]>, zone: string): Promise<Stats> {
  const clock = localClock(zone);
  const [acts, outcomes, services, days] = [tally(), tally(), tally(), tally()];
  let count = 0;
  for await (const page of calls)
    for (const { attempt, outcome } of page) {
      count += 1;
      acts.add(attempt.act ?? '');
      outcomes.add(outcome?.out ?? 'none');
      if (attempt.svc !== undefined) services.add(attempt.svc);
      days.add(clock.text(attempt.ts).slice(0, 10));
    }
  return {
    calls: count,
    acts: acts.list(mostFirst),
    outcomes: outcomes.list(mostFirst),
    services: services.list(mostFirst),
    days: days.list(byName),
  };
}

function tally() {
  const counts = new Map<string, number>();
  return {
    add: (name: string) => void counts.set(name, (counts.get(name) ?? 0) + 1),
    list: (order: (a: Count, b: Count) => number): readonly Count[] =>
      [...counts].map(([name, calls]) => ({ name, calls })).toSorted(order),
  };
}

function byName(a: Count, b: Count): number {
  return a.name < b.name ? -1 : 1;
}

function mostFirst(a: Count, b: Count): number {
  return b.calls - a.calls || byName(a, b);
}
