import type { Audit } from '@sealgate/vault';
import { z } from 'zod';
import type { TenantRootKeeping } from '../domain/tenant-roots.ts';
import { operation } from './operation.ts';
import { recorded } from './recorded.ts';

/** What these operations work on. */
export interface TenantRootOperationParts {
  readonly audit: Audit;
  readonly tenantRoots: TenantRootKeeping;
}

const tenant = z.string().min(1).max(200);
const role = z.string().regex(/^arn:aws[\w-]*:iam::\d{12}:(?:role|user)\/[\w+=,.@/-]{1,512}$/);

/** `keys.create`, `keys.place`. */
export function tenantRootOperations({ audit, tenantRoots }: TenantRootOperationParts) {
  return {
    'keys.create': operation(
      z.strictObject({ tenant, role: role.optional() }),
      async (operator, { tenant: of, role: only }) => {
        const act = { act: 'key.create' as const, object: `key:${of}`, service: 'keys' };
        return recorded(audit, operator, act, (receipt) => tenantRoots.create(receipt, of, only));
      },
    ),
    'keys.place': operation(z.strictObject({ tenant: tenant.optional() }), async (_, { tenant: of }) =>
      tenantRoots.place(of),
    ),
  };
}
