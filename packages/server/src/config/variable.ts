import type { z } from 'zod';

/** The headings of `docs/configuration.md`, in their order. */
export const groups = [
  'core',
  'keys',
  'limits',
  'database',
  'blobs',
  'Redis',
  'Vault',
  'secrets',
  'LLM',
  'OAuth',
  'Discord',
  'mail',
  'development',
] as const;

/** One of {@link groups}. */
export type Group = (typeof groups)[number];

/** What the manual says of one environment variable. */
export interface Described {
  readonly group: Group;
  /** One line for the manual. */
  readonly doc: string;
  /** Text as it would stand in the environment; `undefined`: not set. */
  readonly default: string | undefined;
  /** Unit of the number, where the name does not say it. */
  readonly unit?: string;
  /** A secret has a `NAME_FILE` form, is never printed, and is handed out as a {@link Secret}. */
  readonly secret: boolean;
}

/** A variable that this version reads. */
export interface Active extends Described {
  readonly parse: z.ZodType<unknown, string>;
  /** Completes "NAME must be …". Never holds a value. */
  readonly expected: string;
}

/** A configured secret. The value sits in a closure, so that a printed or serialised configuration cannot show it. */
export interface Secret {
  /** The variable it came from. */
  readonly name: string;
  /** The value itself. */
  reveal(): string;
}

/** Wrap a value of variable `name`. */
export function secretOf(name: string, value: string): Secret {
  return Object.freeze({ name, reveal: () => value });
}
