import { refuse, type Refusal } from '../../refusal.ts';

/**
 * Say again and again that a journal is still written, one time after the other. No process lives on for it.
 *
 * @param failed told when it could not be said
 */
export function openBeats(
  everyMs: number,
  failed: (refusal: Refusal) => void,
  beat: () => Promise<void>,
): { end(): Promise<void> } {
  let underWay: Promise<void> | undefined;
  const timer = setInterval(() => {
    underWay ??= beat()
      .catch((error: unknown) =>
        failed(refuse('audit_unavailable', 'the audit journal could not be kept', String(error), error)),
      )
      .finally(() => (underWay = undefined));
  }, everyMs).unref();
  return {
    async end() {
      clearInterval(timer);
      await underWay;
    },
  };
}
