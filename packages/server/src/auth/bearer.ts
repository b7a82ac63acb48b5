import { hash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../caller.ts';
import { refuse } from '../errors.ts';

/** What a request shows of itself before anybody knows who it is. */
export interface Presented {
  readonly authorization: string | undefined;
  /** Address of the socket's other end; never a forwarded header. */
  readonly peer: string | undefined;
  readonly agent: string | undefined;
}

/** Stop 2 of the walk: who. */
export interface Bearer {
  /** @throws Refusal `unauthorized`, the same for an absent, malformed, unknown and misplaced token */
  verify(presented: Presented): Caller;
}

/** Who the development bearer stands for. */
export interface LocalAdministrator {
  readonly tenant: string;
  readonly subject: string;
}

/**
 * The development bearer: one token for the local administrator, taken from loopback peers only. It is derived from the
 * deployment's blind key, so it survives a restart and lies in no file. There is none in production.
 *
 * @param token `undefined` in production: every request is refused
 */
export function developmentBearer(token: string | undefined, administrator: LocalAdministrator): Bearer {
  const expected = token === undefined ? undefined : digest(token);
  return {
    verify({ authorization, peer, agent }) {
      const shown = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization ?? '')?.[1];
      // Digests are compared, so that neither length nor content shows in the time it takes.
      const right = expected !== undefined && timingSafeEqual(digest(shown ?? ''), expected);
      if (!right || !isLoopback(peer))
        throw refuse('unauthorized', 'this address needs a valid bearer token');
      return { ...administrator, client: 'development', source: 'mcp', ip: peer, agent };
    },
  };
}

/** Whether the address is of this machine: 127.0.0.0/8, ::1, or the former mapped into IPv6 (RFC 4291 §2.5.5.2). */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i.test(address);
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}
