import type { Audit } from '@sealgate/vault';
import { z } from 'zod';
import type { AuditorLine } from '../domain/admin-answers.ts';
import type { Auditor, Auditors } from '../domain/auditors.ts';
import { refuse } from '../errors.ts';
import { tenantOf } from './audit-forms.ts';
import { operation } from './operation.ts';
import { recorded } from './recorded.ts';

/** What these operations work on. */
export interface AuditorOperationParts {
  readonly audit: Audit;
  readonly auditors: Pick<Auditors, 'add' | 'list' | 'remove'>;
}

const name = z.string().min(1).max(64);

/** `audit.auditor.add`, `audit.auditor.list`, `audit.auditor.remove`. */
export function auditorOperations({ audit, auditors }: AuditorOperationParts) {
  return {
    'audit.auditor.add': operation(
      z.strictObject({
        name,
        tenant: z.string().min(1).max(256).optional(),
        days: z.number().int().default(90),
      }),
      async (operator, { name: called, tenant: named, days }) => {
        const tenant = tenantOf(named, operator.context.tenant);
        const act = { act: 'auditor.add' as const, object: `auditor:${called}`, service: 'audit' };
        const made = await recorded(audit, operator, act, () => auditors.add({ name: called, tenant, days }));
        return { ...lineOf(made.auditor), token: made.token };
      },
    ),
    'audit.auditor.list': operation(z.strictObject({}), async () => (await auditors.list()).map(lineOf)),
    'audit.auditor.remove': operation(z.strictObject({ name }), async (operator, { name: called }) => {
      const act = { act: 'auditor.remove' as const, object: `auditor:${called}`, service: 'audit' };
      const removed = await recorded(audit, operator, act, () => auditors.remove(called));
      if (!removed) throw refuse('not_found', 'there is no auditor of this name');
      return { name: called, removed };
    }),
  };
}

function lineOf({ name: called, tenant, addedAtMs, endsAtMs }: Auditor): AuditorLine {
  return { name: called, tenant: tenant ?? '*', addedAtMs, endsAtMs };
}
