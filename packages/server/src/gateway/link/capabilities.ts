import type { Values } from '../front/target.ts';

// What is declared to an upstream in a client's name: what the client itself declared, and of that only the three
// capabilities by which an upstream asks. Anything else would promise what nobody behind the gateway keeps.
const asking = ['roots', 'sampling', 'elicitation'] as const;

/** The part of a client's capabilities that an upstream may use; `{}` when it may ask nothing. */
export function askable(capabilities: Values): Values {
  const declared: Record<string, unknown> = {};
  for (const name of asking) {
    const value = Object.hasOwn(capabilities, name) ? capabilities[name] : undefined;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) declared[name] = value;
  }
  return declared;
}

/** Whether an upstream to which this was declared may ask anything. */
export function mayAsk(capabilities: Values): boolean {
  return Object.keys(capabilities).length > 0;
}

/** Whether an upstream that knows these capabilities may ask this: `roots/list`, `sampling/…`, `elicitation/…`. */
export function isDeclared(method: string, capabilities: Values): boolean {
  return Object.hasOwn(capabilities, method.split('/', 1)[0] ?? '');
}
