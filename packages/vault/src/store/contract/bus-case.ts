import { caseOn } from './case-on.ts';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bus } from '../bus.ts';

/** Two instances on one bus, as a case of `busContract` needs them. For a bus within one process both are the same. */
export interface OpenedBuses {
  readonly one: Bus;
  readonly other: Bus;
  /** Close both and remove what they stored. */
  close(): Promise<void>;
}

/** Opens two instances on a fresh bus. */
export type OpenBuses = () => Promise<OpenedBuses>;

/** One promise of `Bus`. `run` throws an assertion error when the adapter breaks it. */
export interface BusCase {
  readonly name: string;
  run(open: OpenBuses): Promise<void>;
}

/** What a listener was told. */
export interface Heard {
  readonly payloads: string[];
  flushes: number;
}

/** A case that opens two instances, runs, and closes them whatever happens. */
export function onBuses(name: string, body: (buses: OpenedBuses) => Promise<void>): BusCase {
  return caseOn(name, body, ({ close }) => close());
}

/** Listen and keep what is told. */
export async function hear(bus: Bus, topic: string): Promise<Heard & { stop(): void }> {
  const heard: Heard = { payloads: [], flushes: 0 };
  const stop = await bus.subscribe(topic, {
    changed: (payload) => heard.payloads.push(payload),
    flush: () => (heard.flushes += 1),
  });
  return Object.assign(heard, { stop });
}

/** Wait until it holds; fails after ten seconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 5) {
    assert.ok(waitedMs < 10_000, what);
    await sleep(5);
  }
}
