import type { Provider } from './provider-library.ts';
import type { Asking, Refresh, ReuseAnswers } from './reuse.ts';

// The interval of `reuse.ts` around the provider's token endpoint: tells whose refresh is under way, keeps the answers of
// those that went well and gives them to those that came second.

type Context = NonNullable<(typeof Provider)['ctx']>;

/** The requests at the token endpoint and when each had arrived. */
export interface Arrivals {
  /** For `ReuseParts.asking`. @param context of the request whose turn it is */
  asking(context: Context | undefined): Asking | undefined;
  /** To be called when a request begins. */
  begin(context: Context): void;
}

/** Open them. */
export function openArrivals(now: () => number): Arrivals {
  const arrivedAtMs = new WeakMap<Context, number>();
  const known = new WeakMap<Context, Asking>();
  return {
    asking(context) {
      if (context?.oidc?.route !== 'token' || context.oidc.client === undefined) return undefined;
      const { clientId, clientAuthMethod } = context.oidc.client;
      const asking = known.get(context) ?? {
        clientId,
        isPublic: clientAuthMethod === 'none',
        askedAtMs: arrivedAtMs.get(context) ?? now(),
      };
      known.set(context, asking);
      return asking;
    },
    begin(context) {
      // The end of the body: who sends it slowly does not make the interval longer.
      context.req.once('end', () => arrivedAtMs.set(context, now()));
    },
  };
}

/** Keeps the answers of refreshes and gives them again. */
export function refreshAnswers(arrivals: Arrivals, reuse: Pick<ReuseAnswers, 'keep' | 'again'>) {
  return async (context: Context, next: () => Promise<unknown>): Promise<void> => {
    if (context.method !== 'POST' || context.path !== '/token') return void (await next());
    arrivals.begin(context);
    await next();
    const refresh = refreshOf(context, arrivals.asking(context));
    if (refresh === undefined || !refresh.asking.isPublic) return;
    if (context.status === 200) await keep(context, refresh, reuse);
    else if ((context.body as { error?: unknown } | undefined)?.error === 'invalid_grant') {
      const body = await reuse.again(refresh);
      if (body !== undefined) answer(context, 200, body);
    }
  };
}

async function keep(context: Context, refresh: Refresh, reuse: Pick<ReuseAnswers, 'keep'>): Promise<void> {
  const refreshed = context.oidc.entities.RefreshToken as { jkt?: string; grantId?: string } | undefined;
  if (refreshed?.grantId === undefined || refreshed.jkt !== undefined) return;
  const body = await reuse.keep(refresh, { body: context.body, grantId: refreshed.grantId });
  if (body === undefined)
    answer(context, 400, { error: 'invalid_grant', error_description: 'grant request is invalid' });
  else answer(context, 200, body);
}

function answer(context: Context, status: number, body: unknown): void {
  context.status = status;
  context.body = body;
}

function refreshOf({ oidc }: Context, asking: Asking | undefined): Refresh | undefined {
  const params = oidc?.params as Record<string, unknown> | undefined;
  const token = params?.['refresh_token'];
  if (params?.['grant_type'] !== 'refresh_token' || typeof token !== 'string') return undefined;
  if (asking === undefined) return undefined;
  return { asking, token, scope: textOf(params['scope']), resource: textOf(params['resource']) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
