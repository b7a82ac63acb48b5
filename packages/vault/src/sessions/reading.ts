import { isObject } from './session-value.ts';

// What was read, remembered with the session itself, so that a save knows what it saves over. Frameworks copy what a
// store gives them into objects of their own: express-session copies the cookie's members, `@fastify/session` keeps the
// cookie's settings under a symbol. So the reading travels as a member of the cookie, as a function, which JSON leaves
// out. An object that was saved is remembered by itself.

/** What was read or saved last. */
export interface Reading {
  readonly sessionId: string;
  /** Made new when the session was, and never again. */
  readonly generation: string;
  readonly revision: string;
  readonly text: string;
  readonly endsAtMs: number;
}

/** Name of the member of the cookie. */
export const readingMember = 'sealgateReading';

/** What a carrier is asked with; nobody else has it, so nothing else learns what was read. */
const mine = Symbol('reading');
const saved = new WeakMap<object, Reading>();

/** The member that carries a reading. */
export function carrierOf(reading: Reading): (asked?: unknown) => Reading | undefined {
  return (asked) => (asked === mine ? reading : undefined);
}

/** Remember what this very object holds now. */
export function remember(session: object, reading: Reading): void {
  saved.set(session, reading);
}

/** `undefined`: this session was not read from here, or its framework lost what it was given. */
export function readingOf(sessionId: string, session: object): Reading | undefined {
  const reading = saved.get(session) ?? carried(session);
  return reading?.sessionId === sessionId ? reading : undefined;
}

type Carrier = ReturnType<typeof carrierOf>;

function carried(session: object): Reading | undefined {
  const holders = [
    (session as { readonly cookie?: unknown }).cookie,
    ...Object.getOwnPropertySymbols(session).map((symbol) => (session as Record<symbol, unknown>)[symbol]),
  ];
  for (const holder of holders) {
    const carrier = isObject(holder) ? holder[readingMember] : undefined;
    const reading = typeof carrier === 'function' ? (carrier as Carrier)(mine) : undefined;
    if (reading !== undefined) return reading;
  }
  return undefined;
}
