import type { Audit, AuditContext } from '@sealgate/vault';
import { recorded } from '../admin/recorded.ts';
import { requestId } from '../domain/request-id.ts';

/** What the gateway does with the log by itself. */
export type OwnAct = 'audit.anchor' | 'audit.unanchored' | 'audit.archive' | 'audit.expire';

/** Does it, when it is in the log, and records what came of it. @throws Refusal `audit_unavailable`; whatever `work` throws */
export type DoOwn = <T>(act: OwnAct, object: string, work: () => Promise<T>) => Promise<T>;

/** What the gateway does by itself comes from. @param tenant in whose log it stands */
export function gatewayContext(tenant: string, nowMs: number): AuditContext {
  const actor = { type: 'system', id: 'gateway' } as const;
  return { tenant, actor, source: 'system', correlation: requestId(nowMs) };
}

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
    const context = gatewayContext(tenant, now());
    return recorded(audit, { context, subject: context.actor.id }, { act, object, service: 'audit' }, work);
  };
}
