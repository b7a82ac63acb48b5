import type { KeyProvider } from '../../../keys/provider.ts';
import { listenersOf, type Bus } from '../../../store/bus.ts';
import type { Tables } from '../../../store/tables.ts';
import type { Answers, Exchange } from './exchange.ts';

// The thread that seals has keys of its own in memory, and nothing else: rows, root keys and news are asked for where they
// are. Rows are read once in five minutes a tenant, so it is asked seldom.

/** What one thread lends another. */
export interface LentStores {
  readonly tables: Tables;
  /** The first wraps new tenants' keys, as `SealerParts.provider`. */
  readonly providers: readonly KeyProvider[];
  readonly news: Pick<Bus, 'publish' | 'subscribe'>;
}

type ProviderAct = 'describe' | 'generate' | 'rewrap' | 'unwrap' | 'wrap';

/** What the lender answers, until it is ended. @param ask the borrower, who is told the news */
export function lending(
  { tables, providers, news }: LentStores,
  ask: Exchange['ask'],
): { readonly answers: Answers; end(): void } {
  const listening: (() => void)[] = [];
  // A borrower that is gone needs no news.
  const told = (): void => undefined;
  const answers: Answers = {
    'tables.get': (table: never, key: never) => tables.get(table, key),
    'tables.put': (table: never, item: never, guard: never) => tables.put(table, item, guard),
    'tables.remove': (table: never, key: never, guard: never) => tables.remove(table, key, guard),
    'tables.query': (table: never, query: never) => tables.query(table, query),
    'tables.scan': (table: never, page: never) => tables.scan(table, page),
    'tables.transact': (steps: never) => tables.transact(steps),
    async key(at: number, act: ProviderAct, request: never) {
      const answer = await providers[at]![act](request);
      // It has left as a copy by the time that this turn is over.
      if (Buffer.isBuffer(answer)) setImmediate(() => answer.fill(0));
      else if ('plaintext' in answer) setImmediate(() => (answer.plaintext as Buffer).fill(0));
      return answer;
    },
    'news.publish': (topic: string, payload: string) => news.publish(topic, payload),
    async 'news.subscribe'(topic: string) {
      const end = await news.subscribe(topic, {
        changed: (payload) => void ask('news.changed', topic, payload).catch(told),
        flush: () => void ask('news.flush').catch(told),
      });
      listening.push(end);
    },
  };
  return { answers, end: () => listening.splice(0).forEach((end) => end()) };
}

/** What a borrower has of it, and answers the lender for it. */
export interface BorrowedStores extends LentStores {
  readonly hears: Answers;
}

/**
 * The stores of another thread.
 *
 * @param names of its providers
 * @param ask the lender
 */
export function borrowed(names: readonly string[], ask: Exchange['ask']): BorrowedStores {
  const listeners = listenersOf();
  return {
    tables: {
      get: (table, key) => ask('tables.get', table, key),
      put: (table, item, guard) => ask('tables.put', table, item, guard),
      remove: (table, key, guard) => ask('tables.remove', table, key, guard),
      query: (table, query) => ask('tables.query', table, query),
      scan: (table, page) => ask('tables.scan', table, page),
      transact: (steps) => ask('tables.transact', steps),
      close: async () => undefined,
    },
    providers: names.map((name, at) =>
      borrowedProvider(name, (act, request) => ask('key', at, act, request)),
    ),
    news: {
      publish: (topic, payload) => ask('news.publish', topic, payload),
      async subscribe(topic, listener) {
        const end = listeners.add(topic, listener);
        await ask('news.subscribe', topic);
        return end;
      },
    },
    hears: {
      'news.changed': async (topic: string, payload: string) => listeners.tell(topic, payload),
      'news.flush': async () => listeners.flush(),
    },
  };
}

function borrowedProvider(
  name: string,
  asked: <V>(act: ProviderAct, request?: unknown) => Promise<V>,
): KeyProvider {
  type Generated = Awaited<ReturnType<KeyProvider['generate']>>;
  return {
    name,
    async generate(request) {
      const made = await asked<Generated>('generate', request);
      return { ...made, plaintext: bufferOf(made.plaintext) };
    },
    wrap: (request) => asked('wrap', request),
    unwrap: async (request) => bufferOf(await asked<Uint8Array<ArrayBuffer>>('unwrap', request)),
    rewrap: (request) => asked('rewrap', request),
    describe: () => asked('describe'),
    close: async () => undefined,
  };
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
