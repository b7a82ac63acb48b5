import type { Source } from '@sealgate/vault';

/** Who asks, on whose ground. Made by `auth`, read by everyone else. */
export interface Caller {
  /** The group whose keys, policy, limits and log apply. */
  readonly tenant: string;
  /** The person. */
  readonly subject: string;
  /** What the person came through: an OAuth client's id, `development`, `cli`. */
  readonly client: string;
  readonly source: Source;
  /** The grant behind the token that was shown; `undefined` for callers that need none, such as this machine's own. */
  readonly grant?: string | undefined;
  /** When the token that was shown ends, in milliseconds since 1970; `undefined`: nothing that ends was shown. */
  readonly endsAtMs?: number | undefined;
  /** Peer address, for limits and the log. */
  readonly ip: string | undefined;
  readonly agent: string | undefined;
}

/** A person in a group; with `client`, what one client of theirs has. */
export interface Whose {
  readonly tenant: string;
  readonly subject: string;
  readonly client?: string;
}

/** Whether a caller, or what is kept of one, is meant. */
export function isOf(
  { tenant, subject, client }: Pick<Caller, 'tenant' | 'subject' | 'client'>,
  whose: Whose,
): boolean {
  return (
    tenant === whose.tenant &&
    subject === whose.subject &&
    (whose.client === undefined || client === whose.client)
  );
}
