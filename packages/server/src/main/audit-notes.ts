import { acts, type Audit, type AuditOutcome, type Refusal } from '@sealgate/vault';
import { asRefusal } from './audit-faults.ts';
import { gatewayContext } from './own-acts.ts';

// What befalls the audit log itself stands in it: entries that are missing, a device that failed, a clock that jumped.

/** Something that befell the log. */
export interface AuditNote {
  readonly act: 'audit.gap' | 'audit.device' | 'audit.clock';
  readonly object: string;
  readonly outcome: AuditOutcome;
}

/** How often something befell it since the opening. */
export interface AuditNoteCounts {
  readonly gaps: number;
  readonly clockSteps: number;
}

/** What writing stands on. */
export interface NoteParts {
  readonly audit: Audit;
  /** In whose log it stands. */
  readonly tenant: string;
}

/** Writes down what befalls the log. */
export interface AuditNotes {
  /** Kept until `start`. */
  note(note: AuditNote): void;
  /** Entries are missing: of the journal, or of a log that was made of it. */
  gap(refusal: Pick<Refusal, 'code'>): void;
  start(parts: NoteParts): void;
  counts(): AuditNoteCounts;
}

/** @param parts.failed told when something cannot be written down */
export function openAuditNotes(parts: {
  readonly failed: (refusal: Refusal) => void;
  readonly now: () => number;
}): AuditNotes {
  const waiting: AuditNote[] = [];
  const counts = { gaps: 0, clockSteps: 0 };
  let write = (note: AuditNote): void => void waiting.push(note);
  const note = (befallen: AuditNote): void => {
    if (befallen.act === 'audit.gap') counts.gaps += 1;
    if (befallen.act === 'audit.clock') counts.clockSteps += 1;
    write(befallen);
  };
  return {
    note,
    gap: ({ code }) => note({ act: 'audit.gap', object: 'log:*', outcome: { out: 'failure', code } }),
    start(given) {
      write = writing({ ...parts, ...given });
      for (const befallen of waiting.splice(0)) write(befallen);
    },
    counts: () => ({ ...counts }),
  };
}

function writing({
  audit,
  tenant,
  failed,
  now,
}: NoteParts & { readonly failed: (refusal: Refusal) => void; readonly now: () => number }) {
  return ({ act, object, outcome }: AuditNote): void => {
    const context = gatewayContext(tenant, now());
    audit.record(acts[act].cls, context, { act, object, service: 'audit' }).then(
      ({ entry }) => audit.outcome(entry, context, outcome),
      (error: unknown) => failed(asRefusal(error, 'what befell the audit log could not be noted')),
    );
  };
}
