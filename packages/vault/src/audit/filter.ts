import type { AuditFlag, AuditOutcome, Entry, Source } from './entry.ts';
import { hasParam, type ParamMatch } from './param-match.ts';

/** Which entries. Every name that is given must hold, each exactly as it is written. */
export interface EntryFilter {
  readonly id?: string | undefined;
  /** Only this tenant's. `undefined`: all tenants', for the operator of the deployment alone. */
  readonly tenant?: string | undefined;
  /** Of attempts; outcomes carry none: ask by `cause` for them. */
  readonly act?: string | undefined;
  /** Of attempts: the id of the person, client or part of the system. */
  readonly actor?: string | undefined;
  /** Of attempts. */
  readonly service?: string | undefined;
  /** Of attempts. */
  readonly object?: string | undefined;
  /** Of attempts: a tool or a prompt. */
  readonly tool?: string | undefined;
  /** Of attempts. */
  readonly source?: Source | undefined;
  /** Of attempts and outcomes: the correlation id. */
  readonly request?: string | undefined;
  /** Of attempts. */
  readonly ip?: string | undefined;
  /** Of attempts. */
  readonly agent?: string | undefined;
  /** Of attempts: it carries this flag. */
  readonly flag?: AuditFlag | undefined;
  /** Of attempts: each of these is among the parameters. */
  readonly params?: readonly ParamMatch[] | undefined;
  /** Of outcomes: the attempt's id. */
  readonly cause?: string | undefined;
  /** Of outcomes. */
  readonly out?: AuditOutcome['out'] | undefined;
  /** Of outcomes: a refusal's code, or the upstream's. */
  readonly code?: string | undefined;
  /** Of outcomes: it took this long or longer. */
  readonly msMin?: number | undefined;
  /** Not older than this, in milliseconds since 1970. */
  readonly sinceMs?: number | undefined;
  /** Not younger than this, in milliseconds since 1970. */
  readonly untilMs?: number | undefined;
}

type Named = Exclude<keyof EntryFilter, 'flag' | 'msMin' | 'params' | 'sinceMs' | 'untilMs'>;

const said: Readonly<Record<Named, (entry: Entry) => string | undefined>> = {
  id: ({ id }) => id,
  tenant: ({ tenant }) => tenant,
  act: ({ act }) => act,
  actor: ({ actor }) => actor?.id,
  service: ({ svc }) => svc,
  object: ({ obj }) => obj,
  tool: ({ req }) => req?.tool,
  source: ({ src }) => src?.source,
  request: ({ corr }) => corr,
  ip: ({ src }) => src?.ip,
  agent: ({ src }) => src?.agent,
  cause: ({ cause }) => cause,
  out: ({ out }) => out,
  code: ({ code }) => code,
};
const names = Object.keys(said) as readonly Named[];

/** Whether an entry is meant. */
export function entryMatcher(filter: EntryFilter): (entry: Entry) => boolean {
  const { flag, msMin, params = [], sinceMs = -Infinity, untilMs = Infinity } = filter;
  const wanted = names.flatMap((name) => {
    const value = filter[name];
    return value === undefined ? [] : [[said[name], value] as const];
  });
  return (entry) =>
    entry.ts >= sinceMs &&
    entry.ts <= untilMs &&
    wanted.every(([read, value]) => read(entry) === value) &&
    (msMin === undefined || (entry.ms ?? -1) >= msMin) &&
    (flag === undefined || entry.flags?.includes(flag) === true) &&
    params.every((match) => hasParam(entry.req?.params, match));
}

/** A filter as text; two filters have the same only when they mean the same. */
export function filterText(filter: EntryFilter): string {
  const { flag, msMin, params, sinceMs, untilMs } = filter;
  return JSON.stringify([...names.map((name) => filter[name]), msMin, sinceMs, untilMs, flag, params]);
}
