import { callPage, proveGrowth, type Sealer } from '@sealgate/vault';
import { z } from 'zod';
import { refuse } from '../errors.ts';
import { auditForms as forms, filterOf, look, tenantOf } from './audit-forms.ts';
import type { AuditLogOperationParts } from './audit-log-operations.ts';
import type { AuditOperationParts } from './audit-operations.ts';
import { operation } from './operation.ts';
import { recorded, type Operator } from './recorded.ts';
import { wholeLog } from './whole-log.ts';

/** What these operations work on. */
export interface AuditApiOperationParts extends AuditLogOperationParts {
  readonly calls: Pick<AuditOperationParts['calls'], 'newest' | 'oldest'>;
  readonly sealer: Pick<Sealer, 'blind'>;
  readonly tagsOf: AuditOperationParts['tagsOf'];
}

const { order: _, limit: __, ...filter } = forms.list.shape;
const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** What is asked over HTTP alone: `audit.page`, `audit.consistency`, `audit.checkpoint.of`. */
export function auditApiOperations(parts: AuditApiOperationParts) {
  const { audit, calls, auditLog, sealer, tagsOf } = parts;
  return {
    'audit.page': operation(
      z.strictObject({
        ...filter,
        order: forms.list.shape.order,
        limit: z.number().int().min(1).max(1000).default(50),
        cursor: z.string().max(256).optional(),
      }),
      async (operator, { order, limit, cursor, ...asked }) => {
        const meant = await filterOf(asked, operator.context.tenant, tagsOf);
        const caller = callerOf(operator);
        return recorded(audit, operator, look('audit.read', meant.tenant), () =>
          callPage(calls, sealer, { caller, filter: meant, order, limit, cursor }),
        );
      },
    ),
    'audit.checkpoint.of': operation(
      z.strictObject({ tenant: z.string().min(1) }),
      async (operator, { tenant }) =>
        recorded(audit, operator, look('audit.read', tenant), async () => {
          const behind = (await auditLog.catchUp())?.message;
          const checkpoint = await (await auditLog.log()).newest(tenant);
          if (checkpoint === undefined) throw refuse('not_found', 'nothing of this log was published yet');
          return { checkpoint, behind };
        }),
    ),
    'audit.consistency': operation(
      z.strictObject({
        tenant: z.string().optional(),
        origin: z.string().min(1).max(2048).optional(),
        old: size,
        new: size.optional(),
      }),
      async (operator, { tenant: named, origin, old: oldSize, new: newSize }) => {
        const tenant = tenantOf(named, operator.context.tenant);
        return recorded(audit, operator, look('audit.read', tenant), async () => {
          const log = await wholeLog(parts, tenant);
          const proven = await proveGrowth(log, { origin, oldSize, newSize });
          if (proven === undefined) throw refuse('not_found', 'there is no published log of this origin');
          return proven;
        });
      },
    ),
  };
}

function callerOf({ context, subject }: Operator): string {
  return JSON.stringify([context.actor.type, context.actor.id, subject]);
}
