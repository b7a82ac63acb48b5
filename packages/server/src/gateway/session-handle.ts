import { Refusal, type Place, type Sealer } from '@sealgate/vault';
import type { Caller } from '../caller.ts';
import { refuse } from '../errors.ts';

// Sessions of HTTP upstreams (revisions up to 2025-11-25) without a table: the `Mcp-Session-Id` a client gets is the
// upstream's own id, sealed for this person and this upstream. Any instance can open it, it outlives a restart, and in
// anybody else's hand, or at another upstream, it is no session at all. A handle names a session; it signs nobody in.

/** Longest session id taken from an upstream, in characters. */
const idCharactersMax = 1024;
/** Longest handle that is looked at: a sealed id of that length and the seal's own bytes, as base64url. */
const handleCharactersMax = 2048;
// MCP 2025-11-25, transports, session management: visible ASCII.
const visible = /^[\x21-\x7e]+$/;
const base64url = /^[A-Za-z0-9_-]+$/;

/** Whose session at which upstream. */
export interface SessionOwner {
  readonly caller: Pick<Caller, 'tenant' | 'subject'>;
  /** The upstream's name. */
  readonly upstream: string;
  /** Scheme, host and port: an upstream that moved does not learn the sessions of the old place. */
  readonly origin: string;
}

/** Turns upstream session ids into handles for clients, and back. */
export interface SessionHandles {
  /**
   * @returns the handle, new for each call
   * @throws Refusal `upstream_unavailable` for an id that is none by the specification, `key_unavailable`
   */
  give(owner: SessionOwner, sessionId: string): Promise<string>;
  /**
   * @returns the upstream's session id
   * @throws Refusal `session_unknown` for a handle that is not this person's at this upstream, `key_unavailable`
   */
  take(owner: SessionOwner, handle: string): Promise<string>;
}

/** @param cached how many opened handles are remembered; the one unused for longest is forgotten */
export function openSessionHandles(sealer: Pick<Sealer, 'seal' | 'open'>, cached = 4096): SessionHandles {
  const opened = new Map<string, string>();
  const remember = (owner: SessionOwner, handle: string, sessionId: string): void => {
    opened.set(cacheKey(owner, handle), sessionId);
    const oldest = opened.size > cached ? opened.keys().next().value : undefined;
    if (oldest !== undefined) opened.delete(oldest);
  };
  return {
    async give(owner, sessionId) {
      if (sessionId.length > idCharactersMax || !visible.test(sessionId))
        throw refuse(
          'upstream_unavailable',
          `the upstream ${JSON.stringify(owner.upstream)} gave a session id that is none`,
        );
      const sealed = await sealer.seal('handle', placeOf(owner), Buffer.from(sessionId, 'latin1'));
      const handle = sealed.toString('base64url');
      remember(owner, handle, sessionId);
      return handle;
    },
    async take(owner, handle) {
      const key = cacheKey(owner, handle);
      const known = opened.get(key);
      if (known !== undefined) {
        opened.delete(key);
        opened.set(key, known);
        return known;
      }
      const sessionId = await open(sealer, owner, handle);
      remember(owner, handle, sessionId);
      return sessionId;
    },
  };
}

async function open(sealer: Pick<Sealer, 'open'>, owner: SessionOwner, handle: string): Promise<string> {
  const sealed =
    handle.length <= handleCharactersMax && base64url.test(handle)
      ? Buffer.from(handle, 'base64url')
      : undefined;
  // One spelling per handle: trailing bits that decode to nothing are refused.
  if (sealed === undefined || sealed.toString('base64url') !== handle) throw unknown();
  try {
    return (await sealer.open('handle', placeOf(owner), sealed)).toString('latin1');
  } catch (error) {
    if (error instanceof Refusal && (error.code === 'open_failed' || error.code === 'record_version_unknown'))
      throw unknown();
    throw error;
  }
}

function placeOf({ caller, upstream, origin }: SessionOwner): Place {
  return {
    tenant: caller.tenant,
    subject: caller.subject,
    table: 'mcp_session',
    record: `${upstream} ${origin}`,
    field: 'upstream',
    epoch: 0,
  };
}

function cacheKey({ caller, upstream, origin }: SessionOwner, handle: string): string {
  return JSON.stringify([caller.tenant, caller.subject, upstream, origin, handle]);
}

function unknown(): Refusal {
  return refuse('session_unknown', 'there is no such session: initialize a new one');
}
