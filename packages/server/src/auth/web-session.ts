import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Records } from '@sealgate/vault';

// A web session: somebody is signed in in a browser. The cookie holds 32 random bytes; the record's name is their digest,
// so that neither the store nor a list of sessions holds anything that signs in. It ends 12 hours after its last use and
// 30 days after it began. What was last used when shows in the record's end. One that was ended leaves a bar behind,
// so that no use under way brings it back.
//
//   record (sealed, kind `session`): {v: 1, subject, startedAtMs, ip?, agent?}   owners: the subject

const idleMs = 12 * 60 * 60 * 1000;
const wholeMs = 30 * 24 * 60 * 60 * 1000;
/** Uses closer together than this do not write. */
const extendEveryMs = 60_000;
/** Longer than any request takes. */
const barMs = 24 * 60 * 60 * 1000;
const tokenForm = /^[A-Za-z0-9_-]{43}$/;

/** A session that lives. */
export interface WebSession {
  readonly subject: string;
  /** To be sent with every form; see {@link isCsrf}. */
  readonly csrf: string;
  /** Names the session to {@link WebSessions.end}; signs nobody in. */
  readonly id: string;
}

/** Where somebody signed in from. */
export interface SessionFacts {
  readonly ip: string | undefined;
  readonly agent: string | undefined;
}

/** The web sessions of a deployment. */
export interface WebSessions {
  /** Always a session of its own with a new cookie, whatever the browser sent: nobody can be put into a prepared one. */
  begin(subject: string, facts: SessionFacts): Promise<{ readonly setCookie: string }>;
  /** @param cookieHeader the request's `Cookie`. @returns `undefined` when nobody is signed in, or two cookies contradict */
  read(cookieHeader: string | undefined): Promise<WebSession | undefined>;
  /** From now on the session is gone, also for a use that is under way. */
  end(id: string): Promise<void>;
  /** `Set-Cookie` that makes the browser forget. */
  readonly forget: string;
}

/** What sessions need from outside. */
export interface WebSessionParts {
  /** Sealed as `sealedSessions` does it, in the table `sessions`. */
  readonly records: Records;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Whether people reach the gateway by https. */
  readonly secure: boolean;
  /** Of `node:crypto` when not given. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
}

/** Open the web sessions. Under https the cookie is `__Host-sealgate`, which no other host can set (RFC 6265bis §4.1.3.2). */
export function openWebSessions({
  records,
  now,
  secure,
  random = randomBytes,
}: WebSessionParts): WebSessions {
  const name = secure ? '__Host-sealgate' : 'sealgate_session';
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  return {
    async begin(subject, { ip, agent }) {
      const token = Buffer.from(random(32)).toString('base64url');
      const startedAtMs = now();
      // What is `undefined` is left out by JSON.
      const text = JSON.stringify({ v: 1, subject, startedAtMs, ip, agent: agent?.slice(0, 256) });
      await records.put(idOf(token), Buffer.from(text), {
        endsAtMs: startedAtMs + idleMs,
        owners: [subject],
        guard: { ifAbsent: true },
      });
      return { setCookie: `${name}=${token}; ${attributes}` };
    },
    async read(cookieHeader) {
      const token = cookieOf(cookieHeader, name);
      if (token === undefined) return undefined;
      const id = idOf(token);
      const record = await records.get(id);
      if (record === undefined) return undefined;
      const { subject, startedAtMs } = parsed(record.bytes);
      const at = now();
      const endsAtMs = Math.min(at + idleMs, startedAtMs + wholeMs);
      // Ended while it was read: then it is over for this use as well.
      if (endsAtMs - record.endsAtMs >= extendEveryMs && !(await records.extend(id, endsAtMs)))
        return undefined;
      return { subject, csrf: csrfOf(token), id };
    },
    async end(id) {
      await records.bar(id, now() + barMs);
    },
    forget: `${name}=; ${attributes}; Max-Age=0`,
  };
}

/** Whether a form carried the session's token. Digests are compared, so that the time it takes says nothing. */
export function isCsrf(session: WebSession, sent: string | undefined): boolean {
  return timingSafeEqual(hash('sha256', sent ?? '', 'buffer'), hash('sha256', session.csrf, 'buffer'));
}

function idOf(token: string): string {
  return hash('sha256', `sealgate web session\0${token}`, 'base64url');
}

function csrfOf(token: string): string {
  return createHmac('sha256', token).update('sealgate csrf').digest('base64url');
}

/** The one value of our cookie; a second, different one may be planted by a neighbouring host or port. */
function cookieOf(header: string | undefined, name: string): string | undefined {
  const values = new Set<string>();
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at !== -1 && pair.slice(0, at).trim() === name) values.add(pair.slice(at + 1).trim());
  }
  const [only] = values;
  return values.size === 1 && only !== undefined && tokenForm.test(only) ? only : undefined;
}

function parsed(bytes: Uint8Array): { readonly subject: string; readonly startedAtMs: number } {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as { subject: string; startedAtMs: number };
}
