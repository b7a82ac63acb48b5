import { Refusal } from '@sealgate/vault';
import type { Adapter, AdapterFactory, KoaContextWithOIDC } from 'oidc-provider';
import { errors } from './provider-library.ts';

// A store that is away for a moment is no fault of ours and none of the client's: it is told `temporarily_unavailable`
// (RFC 6749 §4.1.2.1), with a 503 and when to come again where it asks itself, instead of the provider's 500.

const unavailable = 503;
const retryAfterSeconds = '5';
const passes = new Set(['audit_unavailable', 'key_unavailable', 'store_frozen', 'store_unavailable']);

/** The same adapters, whose stores may be away. */
export function comingBack(factory: AdapterFactory): AdapterFactory {
  return (model) => {
    const { find, findByUid, findByUserCode, upsert, consume, destroy, revokeByGrantId } = factory(model);
    return {
      find: (...given) => told(find(...given)),
      findByUid: (...given) => told(findByUid(...given)),
      findByUserCode: (...given) => told(findByUserCode(...given)),
      upsert: (...given) => told(upsert(...given)),
      consume: (...given) => told(consume(...given)),
      destroy: (...given) => told(destroy(...given)),
      revokeByGrantId: (...given) => told(revokeByGrantId(...given)),
    } satisfies Adapter;
  };
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isAway(error) ? later(error) : error;
  }
}

function isAway(error: unknown): error is Refusal {
  return error instanceof Refusal && passes.has(error.code);
}

function later({ message }: Refusal): Error {
  const error = new errors.CustomOIDCProviderError('temporarily_unavailable', message);
  return Object.assign(error, { status: unavailable, statusCode: unavailable });
}

type Middleware = (context: KoaContextWithOIDC, next: () => Promise<unknown>) => Promise<void>;

/** The same for what is done around the provider's own routes; whoever is told so is told when to come again. */
export function answeringLater(around: Middleware): Middleware {
  return async (context, next) => {
    try {
      await around(context, next);
    } catch (error) {
      if (!isAway(error)) throw error;
      context.status = unavailable;
      context.body = { error: 'temporarily_unavailable', error_description: error.message };
    }
    if (context.status === unavailable) context.set('retry-after', retryAfterSeconds);
  };
}
