import { setTimeout as sleep } from 'node:timers/promises';
import { ownedBy, type Reuse } from './adapter.ts';
import type { Kept, Payload, Shelf } from './shelf.ts';

// Several processes of one client share one refresh token and refresh at the same moment. Rotation with reuse detection
// would end the family for it. So for a short while after a public client's refresh token was used, whoever brings it
// again gets the very answer that the first one got. Tokens of confidential clients and those bound to a key (DPoP) have
// an owner who can be told apart, and keep the strict rule (RFC 9700 §4.14.2).
//
// What counts is when a request had arrived, not when its turn came: a machine under load makes nobody a thief. For the
// same reason the answer is kept far longer than the interval.
//
// The first one may die before its answer is kept. Then one of those who wait uses the token once more, under the revision
// that the dead one left, and the others wait for that one's answer. Should the first have been slow and not dead, the
// answer that was kept first is everybody's. The interval always counts from the first use.

/** A request that arrives so long after the first use is answered alike. */
const reuseSeconds = 30;
/** What arrived within the interval may be so slow to use the token in a dead one's stead. */
const takeoverSeconds = 300;
/** Whoever used the token last has as long again to answer. */
const keptSeconds = 2 * takeoverSeconds;
const lookMs = { least: 20, most: 200 };
/** Without an answer for so long, whoever used the token is taken for dead. */
const patienceMs = 2000;

/** Who refreshes, and when; the object itself stands for the request. */
export interface Asking {
  readonly clientId: string;
  /** Whether the client shows nothing but its id. */
  readonly isPublic: boolean;
  /** When the request had arrived in full. */
  readonly askedAtMs: number;
}

/** A refresh that is under way, with what it asks for. */
export interface Refresh {
  readonly asking: Asking;
  readonly token: string;
  /** Empty: nothing was said. */
  readonly scope: string;
  readonly resource: string;
}

/** What the interval needs. */
export interface ReuseParts {
  readonly lasting: Shelf;
  readonly passing: Shelf;
  readonly now: () => number;
  /** Whose turn it is; `undefined`: not a refresh. */
  readonly asking: () => Asking | undefined;
  /** Timers when not given. */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** The interval, with the answers that were given in it. */
export interface ReuseAnswers extends Reuse {
  /**
   * Keep the answer to a refresh, before it is given.
   *
   * @returns the one to give: an earlier one when there is one; `undefined` when that one was for something else, or ended
   */
  keep(refresh: Refresh, answer: { readonly body: unknown; readonly grantId: string }): Promise<unknown>;
  /** The answer that was given to the same request before; `undefined`: none, or this request has no right to it. */
  again(refresh: Refresh): Promise<unknown>;
}

interface Answered {
  readonly scope: string;
  readonly resource: string;
  readonly body: unknown;
}

interface Used {
  readonly consumed?: unknown;
  readonly jkt?: string;
  readonly clientId?: string;
  readonly grantId?: string;
}

/** Open the interval. */
export function openReuse(parts: ReuseParts): ReuseAnswers {
  const { lasting, passing, now, asking } = parts;
  const bodyFor = async ({ token, scope, resource }: Refresh): Promise<unknown> => {
    const first = (await passing.get(answerTo(token)))?.payload as Answered | undefined;
    return first?.scope === scope && first.resource === resource ? first.body : undefined;
  };
  return {
    keptSeconds,
    spares: (payload) => isSpared(payload, asking()),
    outcome: outcomes(parts),
    async keep(refresh, { body, grantId }) {
      const { asking: by, token, scope, resource } = refresh;
      const kept = await passing.put(
        answerTo(token),
        { scope, resource, body },
        {
          endsAtMs: now() + keptSeconds * 1000,
          owners: [ownedBy.client(by.clientId), ownedBy.grant(grantId)],
          guard: { ifAbsent: true },
        },
      );
      return kept ? body : bodyFor(refresh);
    },
    async again(refresh) {
      const used = await lasting.get(`RefreshToken:${refresh.token}`);
      return used !== undefined && isSpared(used.payload, refresh.asking) ? bodyFor(refresh) : undefined;
    },
  };
}

const answerTo = (token: string): string => `RefreshAnswer:${token}`;

function isSpared(payload: Payload, asking: Asking | undefined): boolean {
  const { consumed, jkt, clientId } = payload as Used;
  return (
    asking !== undefined &&
    typeof consumed === 'number' &&
    asking.askedAtMs < (consumed + reuseSeconds) * 1000 &&
    jkt === undefined &&
    asking.isPublic &&
    asking.clientId === clientId
  );
}

function outcomes({ lasting, passing, now, asking, wait = sleep }: ReuseParts): Reuse['outcome'] {
  // What a request has waited for in vain, so that it does not wait for it twice.
  const abandoned = new WeakMap<Asking, Kept['revision']>();
  return async (token, { payload, revision: used }) => {
    const { consumed, grantId } = payload as Used;
    const request = asking();
    let revision = used;
    for (let waitedMs = 0; waitedMs < patienceMs;) {
      if ((await passing.get(answerTo(token))) !== undefined) return 'answered';
      // There may have been an answer, and nobody can tell any more.
      if (now() >= (Number(consumed) + takeoverSeconds) * 1000) return 'answered';
      const [grant, row] = await Promise.all([
        lasting.get(`Grant:${grantId ?? ''}`),
        lasting.get(`RefreshToken:${token}`),
      ]);
      if (grant === undefined || row === undefined) return 'answered';
      // Somebody else has taken it over, and gets as long to answer.
      if (row.revision !== revision) [revision, waitedMs] = [row.revision, 0];
      if (request !== undefined && abandoned.has(request) && abandoned.get(request) === revision)
        return 'abandoned';
      // The machine is needed by the one that is waited for.
      const lookAfterMs = Math.min(Math.max(waitedMs, lookMs.least), lookMs.most);
      await wait(lookAfterMs);
      waitedMs += lookAfterMs;
    }
    if (request !== undefined) abandoned.set(request, revision);
    return 'abandoned';
  };
}
