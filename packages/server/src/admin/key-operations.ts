import { actOf, keysOf, type Audit, type KeyAdministration, type KeyWork } from '@sealgate/vault';
import { z } from 'zod';
import { refuse } from '../errors.ts';
import type { KeyWorks } from './key-works.ts';
import { operation } from './operation.ts';
import { recorded, type Operator } from './recorded.ts';

/** What these operations work on. */
export interface KeyOperationParts {
  readonly audit: Audit;
  readonly keys: KeyAdministration;
  readonly keyWorks: KeyWorks;
  /** Puts a fresh root key into the keyring; nothing where there is none. */
  readonly freshRoot: () => Promise<void>;
  /** Whether other instances work on the same tables, and may seal under older keys for some seconds. */
  readonly several: boolean;
}

const tenant = z.string().min(1).max(200);
const all = { tenant: tenant.optional() };
const suite = z.union([z.literal(1), z.literal(2)]).optional();
const to = z.enum(['keyring', 'env', 'passphrase', 'hkdf', 'kms', 'transit']);
const workForm = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('root'), ...all }),
  z.strictObject({ kind: z.literal('tenant-key'), ...all }),
  z.strictObject({ kind: z.literal('data-keys'), ...all, suite }),
  z.strictObject({ kind: z.literal('move'), ...all, to }),
  z.strictObject({ kind: z.literal('settle'), ...all, to }),
]);
const lookForm = z.strictObject({
  kind: z.enum(['root', 'tenant-key', 'data-keys', 'move', 'settle']),
  ...all,
});

/** `keys.status`, `keys.work`, `keys.progress`, `keys.disable`, `keys.enable`, `keys.revoke`. */
export function keyOperations(parts: KeyOperationParts) {
  const { keys, keyWorks } = parts;
  const nothing = z.strictObject({});
  return {
    'keys.status': operation(nothing, () => keys.status()),
    'keys.work': operation(workForm, async (operator, work) => {
      await refuseUnknown(parts, work.tenant);
      keyWorks.begin(work, (options) => {
        const object = keysOf(work.tenant ?? '*');
        const prepare = work.kind === 'root' && work.tenant === undefined ? parts.freshRoot : undefined;
        const how = {
          ...options,
          ...(prepare === undefined ? {} : { prepare }),
          ...(parts.several ? {} : { settleMs: 0 }),
        };
        return recorded(parts.audit, operator, { act: actOf(work), object, service: 'keys' }, (receipt) =>
          keys.work(receipt, work, how),
        );
      });
      return {};
    }),
    'keys.progress': operation(lookForm, async (_, work) => lookAt(keyWorks, work)),
    'keys.disable': changing(parts, 'disable', keys.disable),
    'keys.enable': changing(parts, 'enable', keys.enable),
    'keys.revoke': changing(parts, 'revoke', keys.revoke),
  };
}

function changing(
  parts: KeyOperationParts,
  how: 'disable' | 'enable' | 'revoke',
  change: KeyOperationParts['keys']['disable'],
) {
  return operation(z.strictObject({ tenant }), async (operator: Operator, { tenant: of }) => {
    await refuseUnknown(parts, of);
    const act = { act: `key.${how}` as const, object: keysOf(of), service: 'keys' };
    await recorded(parts.audit, operator, act, (receipt) => change(receipt, of));
    return { tenant: of };
  });
}

/** A failure is what the caller gets; it was begun by another request. */
function lookAt(keyWorks: KeyWorks, work: Pick<KeyWork, 'kind' | 'tenant'>) {
  const look = keyWorks.look(work);
  if (look === undefined) throw refuse('not_found', 'no such work was begun here');
  const { progress, ended } = look;
  if (ended?.ok === false) throw ended.error;
  return { progress: progress ?? null, done: ended?.done ?? null };
}

async function refuseUnknown({ keys }: KeyOperationParts, of: string | undefined): Promise<void> {
  if (of !== undefined && !(await keys.has(of)))
    throw refuse('not_found', 'no group of this id has a key: nothing is sealed for it');
}
