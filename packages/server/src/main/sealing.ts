import { openSealingThread, type LentStores, type SealingChoices, type SealingThread } from '@sealgate/vault';

// Where sealing is done: on a thread of its own, begun when it is first needed, and again when it has ended by a fault.

/** Seals, where those who serve do not wait for it. */
export type Sealing = Omit<SealingThread, 'dead'>;

/** Seal on a thread of its own. */
export function openSealing(files: SealingChoices, stores: LentStores): Sealing {
  let opened: SealingThread | undefined;
  const thread = (): SealingThread => {
    if (opened?.dead !== false) opened = openSealingThread(files, stores);
    return opened;
  };
  return {
    run: () => thread().run(),
    quiet: (work) => (opened === undefined ? work() : opened.quiet(work)),
    forget: async (scope) => opened?.forget(scope),
    close: async () => opened?.close(),
  };
}
