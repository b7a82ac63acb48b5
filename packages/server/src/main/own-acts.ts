import type { Audit, AuditContext } from '@sealgate/vault';
import { recorded } from '../admin/recorded.ts';
import { requestId } from '../domain/request-id.ts';

/** What the gateway does with the log by itself. */
export type OwnAct = 'audit.anchor' | 'audit.unanchored' | 'audit.archive' | 'audit.expire';

/** Does it, when it is in the log, and records what came of it. @throws Refusal `audit_unavailable`; whatever `work` throws */
export type DoOwn = <T>(act: OwnAct, object: string, work: () => Promise<T>) => Promise<T>;

/** @param parts `tenant`: in whose log it stands */
export function ownActs({
  audit,
  tenant,
  now,
}: {
  readonly audit: Audit;
  readonly tenant: string;
  readonly now: () => number;
}): DoOwn {
  return (act, object, work) => {
    const actor = { type: 'system', id: 'gateway' } as const;
    const context: AuditContext = { tenant, actor, source: 'system', correlation: requestId(now()) };
    return recorded(audit, { context, subject: actor.id }, { act, object, service: 'audit' }, work);
  };
}
