import { heldObject, type Audit, type Holds, type LogArchive } from '@sealgate/vault';
import { z } from 'zod';
import type { ArchivedMonth } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import { operation } from './operation.ts';
import { recorded } from './recorded.ts';

/** What these operations work on. */
export interface AuditKeepingParts {
  readonly audit: Audit;
  readonly holds: Holds;
  readonly auditArchive: { archived(): Promise<LogArchive> };
}

const asked = z.strictObject({ tenant: z.string().min(1).max(2048) });

/** `audit.archived`, `audit.hold.add`, `audit.hold.list`, `audit.hold.remove`. */
export function auditKeepingOperations({ audit, holds, auditArchive }: AuditKeepingParts) {
  return {
    'audit.archived': operation(z.strictObject({}), async (operator) =>
      recorded(
        audit,
        operator,
        { act: 'audit.read', object: heldObject('*'), service: 'audit' },
        async () => {
          const logs: ArchivedMonth[] = [];
          for await (const { month, manifest, keptUntilMs } of (await auditArchive.archived()).logs())
            logs.push({
              month,
              scope: manifest.scope,
              shard: manifest.shard,
              leaves: manifest.size,
              keptUntilMs,
            });
          return logs;
        },
      ),
    ),
    'audit.hold.list': operation(z.strictObject({}), async () => holds.list()),
    'audit.hold.add': operation(asked, async (operator, { tenant }) => {
      const change = { act: 'audit.hold', object: heldObject(tenant), service: 'audit' } as const;
      return { added: await recorded(audit, operator, change, (receipt) => holds.add(receipt, tenant)) };
    }),
    'audit.hold.remove': operation(asked, async (operator, { tenant }) => {
      const change = { act: 'audit.release', object: heldObject(tenant), service: 'audit' } as const;
      return recorded(audit, operator, change, async (receipt) => {
        if (!(await holds.remove(receipt, tenant))) throw refuse('not_found', 'no hold is on this group');
        return {};
      });
    }),
  };
}
