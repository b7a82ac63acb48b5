import { ProtocolError } from '@modelcontextprotocol/client';
import type { Caller } from '../../caller.ts';
import type { Asked, Conversation, Notice, OpenTarget, Target, Values } from './target.ts';

// A seat is the client's side of one conversation that outlives single requests of 2026-07-28. One call at a time
// occupies it: what the upstream asks or logs meanwhile belongs to that call. Changes are for whoever listens.

/** A request of the upstream that waits for the client's answer. */
export interface Question {
  readonly asked: Asked;
  resolve(result: Values): void;
  reject(error: unknown): void;
}

/** The call that has the seat. */
export interface Occupant {
  log(params: Values): void;
  ask(question: Question): void;
  /** What was asked and not answered when the call was over. */
  leftovers(): readonly Question[];
}

/** One conversation of a client that has none. */
export interface Seat {
  readonly target: Target;
  readonly occupied: boolean;
  /** Requests and streams that use it, the occupant included. */
  uses: number;
  lastUsedMs: number;
  /** Log messages the target was told to give; `undefined`: none yet. */
  level: string | undefined;
  readonly listeners: Set<(notice: Notice) => void>;
  /** How many listen for each resource. */
  readonly watched: Map<string, number>;
  /** Have it alone until the returned function is called. */
  occupy(occupant: Occupant): () => void;
}

/** Questions that come while no call is under way, such as for the roots after a start, wait for the next one. */
const straysMax = 4;

/** Open the conversation. @param holder see {@link Conversation} */
export function openSeat(
  openTarget: OpenTarget,
  who: Pick<Conversation, 'capabilities' | 'holder'> & { readonly caller: Caller },
  nowMs: number,
): Seat {
  let occupant: Occupant | undefined;
  const strays = new Set<Question>();
  const listeners = new Set<(notice: Notice) => void>();
  const keep = (question: Question): void => {
    const { method, signal } = question.asked;
    if (method !== 'roots/list' || strays.size >= straysMax)
      return question.reject(
        new ProtocolError(-32601, `no request is under way that could ask for ${method}`),
      );
    strays.add(question);
    signal.addEventListener('abort', () => strays.delete(question), { once: true });
  };
  const target = openTarget({
    ...who,
    era: 'modern',
    hear: (notice) => {
      if (notice.method === 'notifications/message') occupant?.log(notice.params ?? {});
      else for (const listener of listeners) listener(notice);
    },
    ask: (asked) =>
      put(asked, (question) => (occupant === undefined ? keep(question) : occupant.ask(question))),
  });
  return {
    target,
    get occupied() {
      return occupant !== undefined;
    },
    uses: 0,
    lastUsedMs: nowMs,
    level: undefined,
    listeners,
    watched: new Map(),
    occupy(by) {
      occupant = by;
      for (const question of strays) by.ask(question);
      strays.clear();
      return () => {
        if (occupant !== by) return;
        occupant = undefined;
        for (const question of by.leftovers()) keep(question);
      };
    },
  };
}

function put(asked: Asked, take: (question: Question) => void): Promise<Values> {
  return new Promise((resolve, reject) => {
    const withdrawn = (): void =>
      reject(new DOMException('the upstream does not wait any longer', 'AbortError'));
    if (asked.signal.aborted) return withdrawn();
    asked.signal.addEventListener('abort', withdrawn, { once: true });
    take({ asked, resolve, reject });
  });
}
