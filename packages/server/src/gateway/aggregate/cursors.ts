import { timingSafeEqual } from 'node:crypto';
import { ProtocolError } from '@modelcontextprotocol/client';
import type { Sealer } from '@sealgate/vault';
import type { Caller } from '../../caller.ts';

// A cursor of the address for all says where in the row of upstreams a list goes on. It is in clear (an upstream's own
// cursor would be in the client's hand on a direct connection too) and carries a mark that only this deployment makes,
// over the person and the method: nobody can send an upstream a cursor that it did not give to this person.

/** Where a list goes on. */
export interface Resting {
  readonly upstream: string;
  /** The upstream's own cursor; `undefined`: at its first page. */
  readonly cursor: string | undefined;
  /** How many pages of this upstream came before. */
  readonly pages: number;
}

/** Longest upstream cursor that is passed on, in characters. */
export const upstreamCursorMax = 8192;
const cursorMax = 32_768;

/** Whose list, and which. */
export interface Listed {
  readonly caller: Pick<Caller, 'tenant' | 'subject'>;
  readonly method: string;
}

/** Write a cursor. */
export function giveCursor(sealer: Pick<Sealer, 'blind'>, listed: Listed, rest: Resting): string {
  const payload = JSON.stringify([rest.upstream, rest.cursor ?? null, rest.pages]);
  return `${Buffer.from(payload).toString('base64url')}.${markOf(sealer, listed, payload)}`;
}

/**
 * Read a cursor.
 *
 * @throws ProtocolError -32602 for anything that was not given to this person for this method
 */
export function takeCursor(sealer: Pick<Sealer, 'blind'>, listed: Listed, cursor: unknown): Resting {
  if (typeof cursor !== 'string' || cursor.length > cursorMax) throw invalid();
  const dot = cursor.indexOf('.');
  if (dot < 0) throw invalid();
  const payload = Buffer.from(cursor.slice(0, dot), 'base64url').toString('utf8');
  const wanted = Buffer.from(
    `${Buffer.from(payload).toString('base64url')}.${markOf(sealer, listed, payload)}`,
  );
  const given = Buffer.from(cursor);
  if (wanted.byteLength !== given.byteLength || !timingSafeEqual(wanted, given)) throw invalid();
  const [upstream, own, pages] = JSON.parse(payload) as [string, string | null, number];
  return { upstream, cursor: own ?? undefined, pages };
}

/** The one answer to a bad cursor. */
export function invalid(): ProtocolError {
  return new ProtocolError(-32_602, 'Invalid cursor');
}

function markOf(sealer: Pick<Sealer, 'blind'>, { caller, method }: Listed, payload: string): string {
  return sealer.blind('list_cursor', JSON.stringify([caller.tenant, caller.subject, method, payload]));
}
