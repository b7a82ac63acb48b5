import { Refusal, refuse, type VaultCode } from '../../../refusal.ts';

// Two threads that ask each other: a question has a number, and its answer has the same. Refusals arrive as refusals.

/** What a thread can be asked. */
export type Answers = Readonly<Record<string, (...given: never[]) => Promise<unknown>>>;

/** The other thread. */
export interface Exchange {
  /** What this thread answers; told before anything can arrive. */
  answer(answers: Answers): void;
  /** @throws Refusal what the other one refuses with; `Error` for a fault there, or when it is gone */
  ask<V>(what: string, ...given: readonly unknown[]): Promise<V>;
  /** Nothing is answered any more: whoever waits is told so. */
  end(why: Error): void;
}

/** One end of a channel between threads. */
export interface Channel {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  on(event: 'message', hear: (message: Message) => void): unknown;
}

type Message =
  | { readonly n: number; readonly what: string; readonly given: readonly unknown[] }
  | { readonly n: number; readonly value: unknown }
  | { readonly n: number; readonly refused: Refused }
  | { readonly n: number; readonly fault: string };

type Refused = Readonly<{ code: VaultCode; message: string; detail: string | undefined }>;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Begin to ask and to answer. */
export function openExchange(channel: Channel): Exchange {
  let answers: Answers = {};
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let ended: Error | undefined;
  const send = (message: Message): void => {
    const transfer: ArrayBuffer[] = [];
    channel.postMessage(apart(message, transfer), transfer);
  };
  const answered = async (n: number, what: string, given: readonly unknown[]): Promise<void> => {
    try {
      send({ n, value: await answers[what]!(...(given as never[])) });
    } catch (error) {
      if (error instanceof Refusal) {
        const { code, message, detail } = error;
        send({ n, refused: { code, message, detail } });
      } else send({ n, fault: String(error instanceof Error ? (error.stack ?? error) : error) });
    }
  };
  channel.on('message', (message) => {
    if ('what' in message) return void answered(message.n, message.what, message.given);
    const waiter = waiting.get(message.n);
    waiting.delete(message.n);
    if ('value' in message) waiter?.resolve(message.value as never);
    else if ('fault' in message) waiter?.reject(new Error(message.fault));
    else {
      const { code, message: text, detail } = message.refused;
      waiter?.reject(refuse(code, text, detail));
    }
  });
  return {
    answer: (given) => void (answers = given),
    ask: (what, ...given) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) return reject(ended);
        last += 1;
        waiting.set(last, { resolve, reject });
        send({ n: last, what, given });
      }),
    end(why) {
      ended ??= why;
      for (const { reject } of waiting.values()) reject(why);
      waiting.clear();
    },
  };
}

/**
 * The same with bytes in memory of their own, which is handed over. A message carries whole allocations, and a small buffer is
 * a part of a large one that it shares with whatever else the process has just written, secrets included.
 */
function apart(value: unknown, transfer: ArrayBuffer[]): unknown {
  if (value instanceof Uint8Array) {
    const own = new Uint8Array(value);
    transfer.push(own.buffer);
    return own;
  }
  if (Array.isArray(value)) return value.map((each) => apart(each, transfer));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, apart(each, transfer)]));
}
