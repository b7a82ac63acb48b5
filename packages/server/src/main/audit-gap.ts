import { Refusal, type Audit, type AuditContext } from '@sealgate/vault';
import { requestId } from '../domain/request-id.ts';

/** What noting stands on. */
export interface GapParts {
  readonly audit: Audit;
  /** In whose log it stands. */
  readonly tenant: string;
  /** Told when it cannot be written down. */
  readonly failed: (refusal: Refusal) => void;
  readonly now: () => number;
}

/** Writes into the journal that entries are missing: of the journal, or of a log that was made of it. */
export function noteGap({ audit, tenant, failed, now }: GapParts): (refusal: Refusal) => void {
  return ({ code }) => {
    const actor = { type: 'system', id: 'gateway' } as const;
    const context: AuditContext = { tenant, actor, source: 'system', correlation: requestId(now()) };
    audit.record('strict', context, { act: 'audit.gap', object: 'log:*', service: 'audit' }).then(
      ({ entry }) => audit.outcome(entry, context, { out: 'failure', code }),
      (error: unknown) =>
        failed(
          error instanceof Refusal
            ? error
            : new Refusal('audit_unavailable', 'a gap of the audit log could not be noted', String(error), {
                cause: error,
              }),
        ),
    );
  };
}
