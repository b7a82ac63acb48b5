import { notUnderstood, refusedLogIn } from './refusals.ts';
import type { Answer, Call } from './exchange.ts';
import type { Server } from './server.ts';

// A token with a lease. It is renewed after two thirds of the lease; when it cannot be renewed, or only for less than
// half of what it had, an AppRole logs in again, and a token that was given goes on to its end.

const renewAfter = 2 / 3;
const retryMsMax = 30_000;
const delayMsMin = 1000;
/** The longest that a timer of Node takes is 24.8 days. */
const delayMsMax = 86_400_000;
/** A refused call asks for a new token at most this often: most often the policy is what refuses. */
const logInPauseMs = 10_000;

/** How a token is had. */
export type LogIn =
  | { readonly token: string }
  | {
      readonly roleId: string;
      readonly secretId: string;
      /** Where the AppRole method is mounted below `auth/`; `approle` when not given. */
      readonly mount?: string;
    };

/** What {@link openSession} is given. */
export interface SessionParts {
  readonly server: Server;
  readonly logIn: LogIn;
  readonly now: () => number;
  /** Run something once after a time; gives what calls it off. Must not keep the process alive. */
  readonly later: (delayMs: number, run: () => void) => () => void;
}

/** A token that is kept good. */
export interface Session {
  /** @throws Refusal `key_unavailable` when there is no whole answer, or no token to ask with */
  ask(call: Omit<Call, 'token'>): Promise<Answer>;
  /** Stop renewing; a token of a log-in of ours is given back. */
  close(): Promise<void>;
}

interface Lease {
  readonly token: string;
  readonly renewable: boolean;
  /** `Infinity`: it does not end. */
  readonly endsAtMs: number;
  /** As long as it was when the token was new. */
  readonly fullMs: number;
}

/**
 * Log in.
 *
 * @throws Refusal `key_unavailable` when the server does not accept it
 */
export async function openSession(parts: SessionParts): Promise<Session> {
  const { server, logIn, now } = parts;
  const kept = keepLease(parts, await firstLease(parts));
  const again = 'roleId' in logIn;
  return {
    async ask(call) {
      if (again && now() >= kept.lease().endsAtMs) await kept.logInAgain();
      const { token } = kept.lease();
      const answer = await server.ask({ ...call, token });
      if (answer.status !== 403 || !again) return answer;
      // Revoked, or ended while this machine slept.
      if (kept.lease().token === token) await kept.logInUnlessJust();
      const { token: fresh } = kept.lease();
      return fresh === token ? answer : server.ask({ ...call, token: fresh });
    },
    async close() {
      kept.stop();
      const { token } = kept.lease();
      // It ends by itself if this fails.
      if (again)
        await server.ask({ method: 'POST', path: 'auth/token/revoke-self', token }).catch(() => undefined);
    },
  };
}

interface KeptLease {
  lease(): Lease;
  /** One at a time: whoever comes while it runs waits for it. */
  logInAgain(): Promise<void>;
  /** The same, but not soon after the last one. */
  logInUnlessJust(): Promise<void>;
  stop(): void;
}

function keepLease(parts: SessionParts, first: Lease): KeptLease {
  const { logIn, now, later } = parts;
  let lease = first;
  let loggedInAtMs = now();
  let loggingIn: Promise<void> | undefined;
  let callOff = (): void => undefined;
  let stopped = false;
  const schedule = (delayMs: number): void => {
    callOff();
    if (stopped || delayMs === Infinity) return;
    const bounded = Math.min(Math.max(delayMs, delayMsMin), delayMsMax);
    callOff = later(bounded, () => void tend().catch(retry));
  };
  const take = (next: Lease): void => {
    lease = next;
    schedule((next.endsAtMs - now()) * renewAfter);
  };
  const logInAgain = (): Promise<void> => {
    if (loggingIn !== undefined) return loggingIn;
    loggedInAtMs = now();
    loggingIn = firstLease(parts)
      .then(take)
      .finally(() => (loggingIn = undefined));
    return loggingIn;
  };
  const tend = async (): Promise<void> => {
    const renewed = lease.renewable ? await renewedLease(parts, lease) : undefined;
    const cut = renewed === undefined || renewed.endsAtMs - now() < renewed.fullMs / 2;
    if (cut && 'roleId' in logIn) await logInAgain();
    else if (renewed !== undefined && renewed.endsAtMs > now()) take(renewed);
  };
  const retry = (): void => {
    const leftMs = lease.endsAtMs - now();
    // After the end the next call logs in by itself.
    if (leftMs > 0) schedule(Math.min(leftMs / 3, retryMsMax));
  };
  take(lease);
  return {
    lease: () => lease,
    logInAgain,
    logInUnlessJust: async () =>
      loggingIn !== undefined || now() - loggedInAtMs >= logInPauseMs ? logInAgain() : undefined,
    stop() {
      stopped = true;
      callOff();
    },
  };
}

async function firstLease({ server, logIn, now }: SessionParts): Promise<Lease> {
  if ('token' in logIn) {
    const answer = await server.ask({ method: 'GET', path: 'auth/token/lookup-self', token: logIn.token });
    if (answer.status !== 200) throw refusedLogIn('auth/token/lookup-self', answer);
    const { ttl, renewable } = part(answer, 'data');
    if (typeof ttl !== 'number') throw notUnderstood('auth/token/lookup-self: no ttl');
    const fullMs = ttl === 0 ? Infinity : ttl * 1000;
    return { token: logIn.token, renewable: renewable === true, endsAtMs: now() + fullMs, fullMs };
  }
  const path = `auth/${logIn.mount ?? 'approle'}/login`;
  const body = { role_id: logIn.roleId, secret_id: logIn.secretId };
  const answer = await server.ask({ method: 'POST', path, body });
  if (answer.status !== 200) throw refusedLogIn(path, answer);
  const { client_token: token, lease_duration: seconds, renewable } = part(answer, 'auth');
  if (typeof token !== 'string' || token === '' || typeof seconds !== 'number')
    throw notUnderstood(`${path}: no token`);
  const fullMs = seconds === 0 ? Infinity : seconds * 1000;
  return { token, renewable: renewable === true, endsAtMs: now() + fullMs, fullMs };
}

// `undefined` when the server will not renew it; throws when it could not be asked.
async function renewedLease({ server, now }: SessionParts, lease: Lease): Promise<Lease | undefined> {
  const path = 'auth/token/renew-self';
  const answer = await server.ask({ method: 'POST', path, token: lease.token, body: {} });
  if (answer.status === 400 || answer.status === 403) return undefined;
  if (answer.status !== 200) throw refusedLogIn(path, answer);
  const { lease_duration: seconds, renewable } = part(answer, 'auth');
  if (typeof seconds !== 'number') throw notUnderstood(`${path}: no lease`);
  return { ...lease, renewable: renewable === true, endsAtMs: now() + seconds * 1000 };
}

function part({ body }: Answer, name: 'auth' | 'data'): Readonly<Record<string, unknown>> {
  const found = body?.[name];
  return typeof found === 'object' && found !== null ? (found as Readonly<Record<string, unknown>>) : {};
}
