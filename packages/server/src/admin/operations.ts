import { z } from 'zod';
import type { Finding, Status } from '../domain/admin-answers.ts';
import type { Membership } from '../domain/people.ts';
import { requestId } from '../domain/request-id.ts';
import { refuse } from '../errors.ts';
import { auditExportOperations, type AuditExportParts } from './audit-export-operations.ts';
import { auditKeepingOperations, type AuditKeepingParts } from './audit-keeping-operations.ts';
import { auditLogOperations, type AuditLogOperationParts } from './audit-log-operations.ts';
import { auditOperations, type AuditOperationParts } from './audit-operations.ts';
import { auditorOperations, type AuditorOperationParts } from './auditor-operations.ts';
import { clientOperations, type ClientOperationParts } from './client-operations.ts';
import { connectionOperations, type ConnectionOperationParts } from './connection-operations.ts';
import { keyOperations, type KeyOperationParts } from './key-operations.ts';
import { operation, type Operation } from './operation.ts';
import { recorded } from './recorded.ts';
import { shredOperations, type ShredOperationParts } from './shred-operations.ts';
import { tenantOperations, type TenantOperationParts } from './tenant-operations.ts';
import { tenantRootOperations, type TenantRootOperationParts } from './tenant-root-operations.ts';
import { transferOperations } from './transfer-operations.ts';
import { upstreamOperations } from './upstream-operations.ts';

/** What administration works on. */
export interface AdminParts
  extends
    AuditExportParts,
    AuditKeepingParts,
    AuditLogOperationParts,
    AuditOperationParts,
    AuditorOperationParts,
    ConnectionOperationParts,
    ClientOperationParts,
    KeyOperationParts,
    ShredOperationParts,
    TenantOperationParts,
    TenantRootOperationParts {
  /** A link that signs somebody in; `undefined` when the gateway does not listen, or has no pages. */
  readonly signInLink: (subject: string) => Promise<string | undefined>;
  readonly doctor: () => Promise<readonly Finding[]>;
  readonly status: () => Status;
}

/** Every operation, by name. */
export interface Operations {
  readonly names: readonly string[];
  /**
   * Run one as the local administrator.
   *
   * @returns what came of it; of an operation that gives piece by piece, an async iterable of the pieces
   * @throws Refusal `not_found` for an unknown name, `usage`, and those of the operation
   */
  call(name: string, input: unknown): Promise<unknown>;
}

/** Open the table of operations for one operator: whoever may use the socket is the local administrator. */
export function openOperations(parts: AdminParts, { tenant, subject }: Membership): Operations {
  const nothing = z.strictObject({});
  const table: Readonly<Record<string, Operation>> = {
    ...upstreamOperations(parts),
    ...connectionOperations(parts),
    ...clientOperations(parts),
    ...keyOperations(parts),
    ...tenantOperations(parts),
    ...tenantRootOperations(parts),
    ...shredOperations(parts),
    ...transferOperations(parts),
    ...auditOperations(parts),
    ...auditLogOperations(parts),
    ...auditorOperations(parts),
    ...auditExportOperations(parts),
    ...auditKeepingOperations(parts),
    'sign-in.link': operation(nothing, async (operator) => {
      const object = `person:${operator.subject}`;
      const act = { act: 'person.link' as const, object, service: 'sign-in' };
      const link = await recorded(parts.audit, operator, act, () => parts.signInLink(operator.subject));
      if (link === undefined)
        throw refuse(
          'gateway_unreachable',
          'nobody can sign in here: start the gateway, with ENABLE_WEBUI on',
        );
      return { link };
    }),
    doctor: operation(nothing, () => parts.doctor()),
    status: operation(nothing, async () => parts.status()),
  };
  return {
    names: Object.keys(table),
    async call(name, input) {
      const found = Object.hasOwn(table, name) ? table[name] : undefined;
      if (found === undefined) throw refuse('not_found', 'there is no such operation');
      const actor = { type: 'person', id: subject } as const;
      return found.run(
        { context: { tenant, actor, source: 'cli', correlation: requestId(parts.now()) }, subject },
        input,
      );
    },
  };
}
