import type { Act } from '../acts.ts';

// How long entries are kept. What says who could do what, and who opened what, is asked for years later; what was called is
// not, and names of tools and times of day are about people, too.

/** How long an entry is kept: `standard` a year, `extended` seven. */
export type RetentionClass = 'standard' | 'extended';

/** Every class. */
export const retentionClasses: readonly RetentionClass[] = ['standard', 'extended'];

/** Years by the calendar. PCI DSS 10.5.1 asks for one; seven are the longest that anybody is known to ask for. */
const keptYears: Readonly<Record<RetentionClass, number>> = { standard: 1, extended: 7 };

type Family = Act extends `${infer First}.${string}` ? First : never;

/** By the first word of an act, so that a new kind of act does not compile without a class. */
const classes: Readonly<Record<Family, RetentionClass>> = {
  audit: 'extended',
  child: 'extended',
  client: 'extended',
  connection: 'extended',
  data: 'extended',
  gateway: 'extended',
  key: 'extended',
  mcp: 'standard',
  person: 'extended',
  prompt: 'standard',
  resource: 'standard',
  session: 'standard',
  task: 'standard',
  token: 'extended',
  tool: 'standard',
  upstream: 'extended',
};

/** The class of an act. One that this version does not know is `extended`. */
export function retentionOf(act: string): RetentionClass {
  const [family = ''] = act.split('.');
  return Object.hasOwn(classes, family) ? classes[family as Family] : 'extended';
}

/**
 * Until when an entry is kept: the first millisecond at which it need not be.
 *
 * @param atMs when it was written, in milliseconds since 1970
 */
export function keptUntilMs(of: RetentionClass, atMs: number): number {
  const until = new Date(atMs);
  until.setUTCFullYear(until.getUTCFullYear() + keptYears[of]);
  return until.getTime();
}
