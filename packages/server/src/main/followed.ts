import { openTopic, type Bus, type Topic } from '@sealgate/vault';
import type { Upstreams } from '../domain/upstreams.ts';
import type { Log } from '../log.ts';

// Upstreams lie in the memory of every instance. Whoever changes one tells the others, who read what is new; what nobody
// told of is found by a look every few seconds.

const lookEveryMs = 5000;

/** Where changes are told. */
export interface Telling {
  readonly topic: Topic<never>;
  readonly log: Log;
}

/** The topic that changes of upstreams are told on. */
export function upstreamTopic(news: Bus): Topic<never> {
  return openTopic(news, 'upstreams');
}

/** Say in the log that others will find out later. */
export function notTold(log: Log, error: unknown): void {
  log.warn({ err: error }, 'other instances could not be told of a change');
}

/** Upstreams whose changes are told to every instance. */
export function toldUpstreams(upstreams: Upstreams, { topic, log }: Telling): Upstreams {
  // The change stands: it is found without being told of as well.
  const tell = (): Promise<void> => topic.tell(undefined).catch((error: unknown) => notTold(log, error));
  return {
    ...upstreams,
    async add(...given) {
      await upstreams.add(...given);
      await tell();
    },
    async remove(...given) {
      const removed = await upstreams.remove(...given);
      await tell();
      return removed;
    },
  };
}

/**
 * Take over what other instances change.
 *
 * @param several whether anybody else can change anything
 * @returns how to stop
 * @throws Refusal `store_unavailable`
 */
export async function followUpstreams(
  upstreams: Pick<Upstreams, 'catchUp'>,
  { topic, log, several }: Telling & { readonly several: boolean },
): Promise<() => Promise<void>> {
  if (!several) return async () => undefined;
  let looking = Promise.resolve();
  let waiting = false;
  const look = (): void => {
    // A look that has not begun sees this change as well.
    if (waiting) return;
    waiting = true;
    looking = looking
      .then(() => {
        waiting = false;
        return upstreams.catchUp();
      })
      .catch((error: unknown) => log.warn({ err: error }, 'changes of other instances could not be read'));
  };
  const stop = await topic.hear(look);
  const timer = setInterval(look, lookEveryMs).unref();
  return async () => {
    clearInterval(timer);
    stop();
    await looking;
  };
}
