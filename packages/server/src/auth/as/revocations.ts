import { openTopic, type Bus } from '@sealgate/vault';

// Whoever ends access says so here: whatever was remembered of tokens and held for grants is looked at again, in this
// process at once and in every other as soon as the bus has told it. Nothing says what was revoked: it is read anew.

/** Tells and hears that access was ended. */
export interface Revocations {
  /** Something was revoked, in the store already. Resolves when the others were told; never fails. */
  revoked(): Promise<void>;
  /** Called after anything was revoked, here or elsewhere, or may have been. Returns how to stop listening. */
  onRevoked(listener: () => void): () => void;
  close(): void;
}

/** What they stand on. */
export interface RevocationParts {
  readonly news: Pick<Bus, 'publish' | 'subscribe'>;
  /** Told when the others could not be told: they find out within five seconds. */
  readonly failed: (error: unknown) => void;
}

/** Start listening. @throws Refusal `store_unavailable` */
export async function openRevocations({ news, failed }: RevocationParts): Promise<Revocations> {
  const topic = openTopic(news, 'grants');
  const listeners = new Set<() => void>();
  const tellHere = (): void => listeners.forEach((listener) => listener());
  const stop = await topic.hear(tellHere);
  let last = Promise.resolve();
  let next: Promise<void> | undefined;
  return {
    revoked() {
      tellHere();
      // A grant goes model by model: one message is enough for all that is revoked before it leaves.
      next ??= last.then(() => {
        next = undefined;
        last = topic.tell(undefined).catch(failed);
        return last;
      });
      return next;
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      stop();
      listeners.clear();
    },
  };
}
