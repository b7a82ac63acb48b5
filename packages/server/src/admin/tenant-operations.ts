import type { Audit } from '@sealgate/vault';
import { z } from 'zod';
import { refuseUnknownZone, tenantObject, type AuditZones } from '../domain/audit-zones.ts';
import { operation } from './operation.ts';
import { recorded } from './recorded.ts';

/** What these operations work on. */
export interface TenantOperationParts {
  readonly audit: Audit;
  readonly auditZones: AuditZones;
}

const tenant = z.string().min(1).max(200);

/** `tenants.zone`: of one's own group when none is named; set when a zone is given, taken back when it is `null`. */
export function tenantOperations({ audit, auditZones }: TenantOperationParts) {
  return {
    'tenants.zone': operation(
      z.strictObject({ tenant: tenant.optional(), zone: z.string().min(1).max(64).nullable().optional() }),
      async (operator, { tenant: named, zone }) => {
        const of = named ?? operator.context.tenant;
        if (zone === undefined) return { tenant: of, zone: auditZones.zoneOf(of) };
        // Judged before it is recorded.
        if (zone !== null) refuseUnknownZone(zone);
        const act = { act: 'tenant.set' as const, object: tenantObject(of), service: 'audit' };
        await recorded(audit, operator, act, (receipt) => auditZones.set(receipt, of, zone ?? undefined));
        return { tenant: of, zone: auditZones.zoneOf(of) };
      },
    ),
  };
}
