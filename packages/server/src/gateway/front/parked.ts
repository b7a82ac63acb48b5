import { randomUUID } from 'node:crypto';
import { isOf, type Caller, type Whose } from '../../caller.ts';
import { refuse } from '../../errors.ts';
import type { AskingCall } from './asking-call.ts';
import type { ModernLimits } from './modern-limits.ts';

// Calls that wait for the client's input while no request of the client is open. They live in this process: the request
// state names the instance. Each may be taken up once per round, and ends when nobody comes.

/** A call that was taken up again. */
export interface TakenUp {
  readonly call: AskingCall;
  readonly park: Park;
}

/** Which call, and which round of questions. */
export interface Park {
  readonly id: string;
  readonly round: number;
}

/** The calls that wait. */
export interface Parked {
  /**
   * Let a call wait. At the person's limit the one that waits for longest is given up for it.
   *
   * @param before the round before, when it waited already
   * @throws Refusal `overloaded`
   */
  park(caller: Pick<Caller, 'tenant' | 'subject' | 'client'>, call: AskingCall, before?: Park): Park;
  /** Take a call up; `undefined`: it does not wait, or not in this round. */
  take(id: string, round: number): TakenUp | undefined;
  count(): number;
  /** Give up those of a person, or of a person's client. */
  endOf(whose: Whose): void;
  close(): void;
}

interface Entry extends TakenUp {
  readonly caller: Pick<Caller, 'tenant' | 'subject' | 'client'>;
  readonly timer: NodeJS.Timeout;
}

/** No call waits. */
export function openParked(limits: ModernLimits): Parked {
  // In the order in which they began to wait.
  const waiting = new Map<string, Entry>();
  const giveUp = (entry: Entry, reason: string): void => {
    clearTimeout(entry.timer);
    waiting.delete(entry.park.id);
    entry.call.end(reason);
  };
  return {
    park(caller, call, before) {
      const { tenant, subject } = caller;
      const theirs = [...waiting.values()].filter((entry) => isOf(entry.caller, { tenant, subject }));
      if (theirs.length >= limits.parkedPerPersonMax) giveUp(theirs[0]!, 'newer calls wait for input');
      if (waiting.size >= limits.parkedMax) {
        call.end('too many calls wait for input');
        throw refuse('overloaded', 'too many calls wait for input: try again later');
      }
      const waitMs = limits.parkedSeconds * 1000;
      const park = { id: before?.id ?? randomUUID(), round: (before?.round ?? 0) + 1 };
      const timer = setTimeout(() => giveUp(entry, 'the input did not come in time'), waitMs);
      timer.unref();
      const entry: Entry = { caller, call, park, timer };
      waiting.set(park.id, entry);
      return park;
    },
    take(id, round) {
      const entry = waiting.get(id);
      if (entry === undefined || entry.park.round !== round) return undefined;
      clearTimeout(entry.timer);
      waiting.delete(id);
      return entry;
    },
    count: () => waiting.size,
    endOf(whose) {
      for (const entry of waiting.values()) if (isOf(entry.caller, whose)) giveUp(entry, 'access was ended');
    },
    close() {
      for (const entry of waiting.values()) giveUp(entry, 'the gateway is shutting down');
    },
  };
}
