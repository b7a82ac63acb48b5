import { Refusal } from '@sealgate/vault';
import type { Log } from '../log.ts';

/** Faults, told to the log of the process once as long as they last. */
export function openFaults(log: Log) {
  const told = new Set<string>();
  const waiting: Refusal[] = [];
  let gap = (refusal: Refusal): void => void waiting.push(refusal);
  let failing: Refusal | undefined;
  let failures = 0;
  const tell = (refusal: Refusal): void =>
    log.error({ code: refusal.code, detail: refusal.detail }, refusal.message);
  return {
    /** What went wrong and was got over, but leaves a gap. */
    gotOver(refusal: Refusal): void {
      failures += 1;
      const which = `${refusal.code} ${refusal.message} ${refusal.detail}`;
      if (told.has(which)) return;
      told.add(which);
      tell(refusal);
      gap(refusal);
    },
    failed(error: unknown): Refusal {
      const refusal =
        error instanceof Refusal
          ? error
          : new Refusal('audit_unavailable', 'the audit log could not be sealed', String(error), {
              cause: error,
            });
      failures += 1;
      const before = failing && `${failing.code} ${failing.message}`;
      if (before !== `${refusal.code} ${refusal.message}`) tell(refusal);
      failing = refusal;
      return refusal;
    },
    mended(): void {
      if (failing !== undefined) log.info('the audit log is sealed again');
      failing = undefined;
    },
    listen(listener: (refusal: Refusal) => void): void {
      gap = listener;
      for (const refusal of waiting.splice(0)) listener(refusal);
    },
    health: () => ({ failing: failing !== undefined, failures }),
  };
}
