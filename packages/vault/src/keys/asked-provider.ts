import { sortedDetails } from './key-context.ts';
import type { KeyContext, KeyProvider } from './provider.ts';

// A key service that is slow or down must not be asked by every request at once, nor again the moment it has failed.

const inFlightMax = 20;
const failureLifeMs = 1000;
const failuresMax = 10_000;

/** How {@link askedProvider} asks. */
type Asking = Pick<KeyProvider, 'generate' | 'wrap' | 'unwrap' | 'rewrap'>;

/**
 * The provider, asked at most 20 times at once; a failure answers everybody who wants the same key for one second.
 */
export function askedProvider(provider: KeyProvider, now: () => number): Asking {
  const failures = new Map<string, { readonly error: unknown; readonly untilMs: number }>();
  const waiting: (() => void)[] = [];
  let inFlight = 0;
  const remember = (name: string, error: unknown): void => {
    if (failures.size >= failuresMax) failures.clear();
    failures.set(name, { error, untilMs: now() + failureLifeMs });
  };
  const ask = async <T>(name: string, question: () => Promise<T>): Promise<T> => {
    const failed = failures.get(name);
    if (failed !== undefined && now() < failed.untilMs) throw failed.error;
    failures.delete(name);
    // The one who leaves hands its place on, so nobody who comes in between can take it.
    if (inFlight < inFlightMax) inFlight += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await question();
    } catch (error) {
      remember(name, error);
      throw error;
    } finally {
      const next = waiting.shift();
      if (next === undefined) inFlight -= 1;
      else next();
    }
  };
  return {
    generate: (request) => ask(`generate ${nameOf(request.context)}`, () => provider.generate(request)),
    wrap: (request) => ask(`wrap ${nameOf(request.context)}`, () => provider.wrap(request)),
    unwrap: (request) => ask(`unwrap ${nameOf(request.context)}`, () => provider.unwrap(request)),
    rewrap: (request) => ask(`rewrap ${nameOf(request.context)}`, () => provider.rewrap(request)),
  };
}

function nameOf(context: KeyContext): string {
  const { version, purpose, tenant } = context;
  return JSON.stringify([version, purpose, tenant, ...sortedDetails(context)]);
}
