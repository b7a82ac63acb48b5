import { setTimeout as sleep } from 'node:timers/promises';
import type { AdapterPayload } from 'oidc-provider';
import { ownedBy, type Reuse } from './adapter.ts';
import { Provider } from './provider-library.ts';
import type { Kept, Shelf } from './shelf.ts';

// Several processes of one client share one refresh token and refresh at the same moment. Rotation with reuse detection
// would end the family for it. So for a short while after a public client's refresh token was used, whoever brings it
// again gets the very answer that the first one got. Tokens of confidential clients and those bound to a key (DPoP) have
// an owner who can be told apart, and keep the strict rule (RFC 9700 §4.14.2).
//
// The first one may die before its answer is kept. Then one of those who wait uses the token once more, under the revision
// that the dead one left, and the others wait for that one's answer. Should the first have been slow and not dead, the
// answer that was kept first is everybody's.

/** How long a used refresh token is answered alike. */
const reuseSeconds = 30;
const lookEveryMs = 20;
const looksMax = 250;
/** Without an answer for so many looks, whoever used the token is taken for dead. */
const patienceLooks = 100;

/** What the interval needs. */
export interface ReuseParts {
  readonly lasting: Shelf;
  readonly passing: Shelf;
  readonly now: () => number;
}

type Context = NonNullable<(typeof Provider)['ctx']>;

interface Answered {
  readonly scope: string;
  readonly resource: string;
  readonly body: unknown;
}

/** Open the interval. */
export function openReuse({ lasting, passing, now }: ReuseParts): Reuse {
  // What a request has waited for in vain, so that it does not wait for it twice.
  const abandoned = new WeakMap<Context, Kept['revision']>();
  return {
    spares(payload) {
      const context = Provider.ctx;
      return context?.oidc?.route === 'token' && isSpared(payload as AdapterPayload, context, now);
    },
    async outcome(token, { payload, revision: used }) {
      const context = Provider.ctx;
      let revision = used;
      for (let look = 0; look < patienceLooks; look += 1) {
        if (context !== undefined && revision !== undefined && abandoned.get(context) === revision)
          return 'abandoned';
        if ((await passing.get(`RefreshAnswer:${token}`)) !== undefined) return 'answered';
        const [grant, row] = await Promise.all([
          lasting.get(`Grant:${textOf(payload['grantId'])}`),
          lasting.get(`RefreshToken:${token}`),
        ]);
        if (grant === undefined || row === undefined) return 'answered';
        // Somebody else has taken it over, and gets as long to answer.
        if (row.revision !== revision) [revision, look] = [row.revision, 0];
        await sleep(lookEveryMs);
      }
      if (context !== undefined) abandoned.set(context, revision);
      return 'abandoned';
    },
  };
}

function isSpared(payload: AdapterPayload, { oidc }: Context, now: () => number): boolean {
  const { consumed, jkt, clientId } = payload as AdapterPayload & { readonly jkt?: string };
  return (
    typeof consumed === 'number' &&
    now() < (consumed + reuseSeconds) * 1000 &&
    jkt === undefined &&
    oidc.client?.clientAuthMethod === 'none' &&
    oidc.client.clientId === clientId
  );
}

/** Keeps the answers of refreshes and gives them again. */
export function reuseMiddleware(parts: ReuseParts) {
  return async (context: Context, next: () => Promise<unknown>): Promise<void> => {
    await next();
    if (context.method !== 'POST' || context.path !== '/token') return;
    const params = context.oidc?.params as Record<string, unknown> | undefined;
    const token = params?.['refresh_token'];
    if (params?.['grant_type'] !== 'refresh_token' || typeof token !== 'string') return;
    if (context.oidc.client?.clientAuthMethod !== 'none') return;
    const asked = { scope: textOf(params['scope']), resource: textOf(params['resource']) };
    if (context.status === 200) await keep(parts, context, { token, ...asked });
    else if ((context.body as { error?: unknown } | undefined)?.error === 'invalid_grant')
      await answerAlike(parts, context, { token, ...asked });
  };
}

interface Asked {
  readonly token: string;
  readonly scope: string;
  readonly resource: string;
}

async function keep({ passing, now }: ReuseParts, context: Context, { token, scope, resource }: Asked) {
  const { client, entities } = context.oidc;
  const refreshed = entities.RefreshToken as { jkt?: string; grantId?: string } | undefined;
  if (client === undefined || refreshed?.grantId === undefined || refreshed.jkt !== undefined) return;
  const kept = await passing.put(
    `RefreshAnswer:${token}`,
    { scope, resource, body: context.body },
    {
      endsAtMs: now() + reuseSeconds * 1000,
      owners: [ownedBy.client(client.clientId), ownedBy.grant(refreshed.grantId)],
      guard: { ifAbsent: true },
    },
  );
  if (kept) return;
  const first = (await passing.get(`RefreshAnswer:${token}`))?.payload as Answered | undefined;
  if (first?.scope === scope && first.resource === resource) context.body = first.body;
}

async function answerAlike({ lasting, passing, now }: ReuseParts, context: Context, asked: Asked) {
  const used = await lasting.get(`RefreshToken:${asked.token}`);
  if (used === undefined || !isSpared(used.payload as AdapterPayload, context, now)) return;
  const grantId = textOf(used.payload['grantId']);
  // The winner may not have its answer yet: it is waited for, here and on any other instance.
  for (let look = 0; look < looksMax; look += 1) {
    const answered = (await passing.get(`RefreshAnswer:${asked.token}`))?.payload as Answered | undefined;
    if (answered !== undefined) {
      if (answered.scope !== asked.scope || answered.resource !== asked.resource) return;
      context.status = 200;
      context.body = answered.body;
      return;
    }
    // A grant that was ended takes its answers with it.
    if ((await lasting.get(`Grant:${grantId}`)) === undefined) return;
    await sleep(lookEveryMs);
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
