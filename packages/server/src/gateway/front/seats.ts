import { randomUUID } from 'node:crypto';
import { isOf, type Caller, type Whose } from '../../caller.ts';
import { pathOfAddress, type McpAddress } from '../../domain/mcp-address.ts';
import { refuse } from '../../errors.ts';
import { canBeAsked } from './input-capabilities.ts';
import type { ModernLimits } from './modern-limits.ts';
import { openSeat, type Occupant, type Seat } from './seat.ts';
import type { OpenTarget, Values } from './target.ts';

// Which conversation a request of 2026-07-28 goes through. A client that can be asked, or wants the log, gets seats of
// its own, a few per person: a call has one alone, other requests sit beside. Everybody else gets one for the request,
// on a link that is shared where the rule of sharing allows.

/** Who asks, and through which address. */
export interface Who {
  readonly caller: Caller;
  readonly address: McpAddress;
  readonly capabilities: Values;
  /** Whether log messages are wanted. */
  readonly logs: boolean;
}

/** A seat for as long as it is needed. */
export interface Lease {
  readonly seat: Seat;
  release(): void;
}

/** All seats. */
export interface Seats {
  /**
   * Have a seat alone for one call; at the person's limit the next free one is waited for.
   *
   * @throws Refusal `overloaded`; an `AbortError`
   */
  occupy(who: Who, occupant: Occupant, signal: AbortSignal): Promise<Lease>;
  /** Sit beside others. @throws Refusal `overloaded` */
  join(who: Who): Lease;
  /** Whether any is kept for them. */
  holds(whose: Whose): boolean;
  /** Seats that are kept. */
  count(): number;
  /** End those of a person, or of a person's client. */
  endOf(whose: Whose): Promise<void>;
  /** End those at an upstream that was removed or changed: they were opened for what it was before. */
  retire(tenant: string, upstream: string): Promise<void>;
  close(): Promise<void>;
}

/** What seats are made with. */
export interface SeatParts {
  readonly openTarget: (caller: Caller, address: McpAddress) => OpenTarget;
  readonly limits: ModernLimits;
  readonly now: () => number;
}

interface Kept {
  readonly seat: Seat;
  readonly key: string;
  readonly caller: Caller;
  readonly address: McpAddress;
}

interface State extends SeatParts {
  readonly kept: Set<Kept>;
  /** Calls that wait for a seat of their person. */
  readonly waiting: Map<string, Set<() => void>>;
}

const waitingMax = 32;

/** Nobody sits yet. */
export function openSeats(parts: SeatParts): Seats {
  const state: State = { ...parts, kept: new Set(), waiting: new Map() };
  const sweep = setInterval(() => endIdle(state), Math.max(50, parts.limits.holderIdleSeconds * 250));
  sweep.unref();
  return {
    async occupy(who, occupant, signal) {
      return isShared(who)
        ? occupied(once(state, who), occupant)
        : freeSeat(state, who, { occupant, signal });
    },
    join: (who) => (isShared(who) ? once(state, who) : use(state, anySeat(state, who))),
    count: () => state.kept.size,
    holds: (whose) => [...state.kept].some(({ caller }) => isOf(caller, whose)),
    endOf: (whose) => endAll(state, ({ caller }) => isOf(caller, whose)),
    retire: (tenant, upstream) =>
      endAll(state, (kept) => kept.caller.tenant === tenant && kept.address.upstream === upstream),
    async close() {
      clearInterval(sweep);
      await endAll(state, () => true);
    },
  };
}

function isShared({ capabilities, logs }: Who): boolean {
  return !logs && !canBeAsked(capabilities);
}

function once({ openTarget, now }: State, { caller, address, capabilities }: Who): Lease {
  const seat = openSeat(openTarget(caller, address), { caller, capabilities, holder: undefined }, now());
  let held = true;
  return {
    seat,
    release() {
      if (held) void seat.target.close().catch(() => undefined);
      held = false;
    },
  };
}

function use(state: State, { seat, caller }: Kept): Lease {
  seat.uses += 1;
  let held = true;
  return {
    seat,
    release() {
      if (!held) return;
      held = false;
      seat.uses -= 1;
      seat.lastUsedMs = state.now();
      const [next] = state.waiting.get(personOf(caller)) ?? [];
      next?.();
    },
  };
}

function occupied({ seat, release }: Lease, occupant: Occupant): Lease {
  const leave = seat.occupy(occupant);
  return {
    seat,
    release() {
      leave();
      release();
    },
  };
}

/** One nobody occupies: the one used last, as what the client did before may be known there. */
async function freeSeat(
  state: State,
  who: Who,
  { occupant, signal }: { readonly occupant: Occupant; readonly signal: AbortSignal },
): Promise<Lease> {
  const untilMs = state.now() + state.limits.holderWaitSeconds * 1000;
  for (;;) {
    signal.throwIfAborted();
    const free = seatsOf(state, who).find(({ seat }) => !seat.occupied) ?? make(state, who);
    // Found and occupied in one step: nobody else finds it in between.
    if (free !== undefined) return occupied(use(state, free), occupant);
    const leftMs = untilMs - state.now();
    if (leftMs <= 0) throw full();
    await turn(state, personOf(who.caller), AbortSignal.any([signal, AbortSignal.timeout(leftMs)]));
  }
}

function anySeat(state: State, who: Who): Kept {
  const [found] = seatsOf(state, who);
  const seat = found ?? make(state, who);
  if (seat === undefined) throw full();
  return seat;
}

function seatsOf({ kept }: State, who: Who): readonly Kept[] {
  const key = keyOf(who);
  return [...kept]
    .filter((one) => one.key === key)
    .sort((one, other) => other.seat.lastUsedMs - one.seat.lastUsedMs);
}

/** @returns `undefined` when neither the person nor everybody together may have one more, and none of theirs is idle */
function make(state: State, who: Who): Kept | undefined {
  const { kept, limits, now, openTarget } = state;
  const person = personOf(who.caller);
  const theirs = [...kept].filter(({ caller }) => personOf(caller) === person);
  if (theirs.length >= limits.holdersPerPersonMax && !endLongestIdle(state, theirs)) return undefined;
  if (kept.size >= limits.holdersMax && !endLongestIdle(state, [...kept])) return undefined;
  const { caller, address, capabilities } = who;
  const seat = openSeat(openTarget(caller, address), { caller, capabilities, holder: randomUUID() }, now());
  const made = { seat, key: keyOf(who), caller, address };
  kept.add(made);
  return made;
}

function endLongestIdle(state: State, among: readonly Kept[]): boolean {
  const [longest] = among
    .filter(({ seat }) => seat.uses === 0)
    .sort((one, other) => one.seat.lastUsedMs - other.seat.lastUsedMs);
  if (longest !== undefined) void end(state, longest);
  return longest !== undefined;
}

function endIdle(state: State): void {
  const beforeMs = state.now() - state.limits.holderIdleSeconds * 1000;
  for (const kept of state.kept)
    if (kept.seat.uses === 0 && kept.seat.lastUsedMs <= beforeMs) void end(state, kept);
}

async function endAll(state: State, holds: (kept: Kept) => boolean): Promise<void> {
  await Promise.all([...state.kept].filter(holds).map((kept) => end(state, kept)));
}

async function end({ kept }: State, one: Kept): Promise<void> {
  if (kept.delete(one)) await one.seat.target.close().catch(() => undefined);
}

/** Wait until a seat of the person was left, or the signal. */
async function turn({ waiting }: State, person: string, signal: AbortSignal): Promise<void> {
  const theirs = waiting.get(person) ?? new Set();
  if (theirs.size >= waitingMax) throw full();
  waiting.set(person, theirs);
  const { promise, resolve } = Promise.withResolvers<void>();
  theirs.add(resolve);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  theirs.delete(resolve);
  if (theirs.size === 0) waiting.delete(person);
}

function keyOf({ caller, address, capabilities, logs }: Who): string {
  return JSON.stringify([personOf(caller), caller.client, pathOfAddress(address), capabilities, logs]);
}

function personOf({ tenant, subject }: Caller): string {
  return JSON.stringify([tenant, subject]);
}

function full() {
  return refuse(
    'overloaded',
    'too many of your calls wait for an answer: answer or give up one of them first',
  );
}
