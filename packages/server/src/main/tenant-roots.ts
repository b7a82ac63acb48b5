import type { OpenedSealer, Tables } from '@sealgate/vault';
import type { TenantRoots } from '@sealgate/vault/kms';
import type { AppConfig, KmsChoice } from '../config.ts';
import type { TenantRootKeeping } from '../domain/tenant-roots.ts';
import { refuse } from '../errors.ts';
import { loadKms } from './kms.ts';

/** Keys of tenants in AWS KMS, where that is the key service of the configuration. */
export function openTenantRootKeeping(
  { keys, openingKeys }: Pick<AppConfig, 'keys' | 'openingKeys'>,
  { sealer, tables }: { readonly sealer: Pick<OpenedSealer, 'deployment'>; readonly tables: Tables },
): TenantRootKeeping {
  const { deployment } = sealer;
  const chosen = [keys, ...openingKeys].find((choice) => choice.provider === 'kms');
  const withRoots = async <T>(work: (roots: TenantRoots, choice: KmsChoice) => Promise<T>): Promise<T> => {
    if (chosen === undefined)
      throw refuse(
        'config_invalid',
        'tenants have keys of their own in AWS KMS alone: set KEY_PROVIDER=kms, or KMS_KEY_ARN beside another KEY_PROVIDER',
      );
    const roots = (await loadKms()).openTenantRoots({ ...chosen, deployment });
    return work(roots, chosen).finally(() => roots.close());
  };
  return {
    create: (receipt, tenant, role) =>
      withRoots(async (roots, { tenantKeys }) => {
        if (!tenantKeys)
          throw refuse(
            'config_invalid',
            'keys of tenants are not looked for: set KMS_TENANT_KEYS=true on all instances first',
          );
        const { keyRef: key, alias, made } = await roots.create(receipt, tenant, role);
        const group = (await tables.get('groups', { groupId: tenant })) !== undefined;
        return { tenant, key, alias, made, group, elsewhere: await heldElsewhere(tables, tenant, key) };
      }),
    place: (tenant) =>
      withRoots(async (roots, { service, tenantKeys }) => {
        const own = tenant === undefined || !tenantKeys ? undefined : await roots.find(tenant);
        const key = own?.keyRef ?? (await roots.shared());
        const { aliasesOfTenants } = await loadKms();
        const ownAliases = tenant === undefined && tenantKeys ? aliasesOfTenants(deployment) : undefined;
        return { deployment, service, key, ownAliases };
      }),
    async look(tenant) {
      if (chosen?.tenantKeys !== true) return undefined;
      const seen = await withRoots((roots) => roots.look(tenant));
      if (seen === undefined) return undefined;
      const { keyRef: key, ...said } = seen;
      return { key, ...said };
    },
  };
}

/** How many keys of the tenant lie under another root key. */
async function heldElsewhere(
  tables: Tables,
  tenant: string,
  key: string,
): Promise<{ kms: number; others: number }> {
  const range = { between: ['000000', '999999'] } as const;
  const { items } = await tables.query('tenant_keys', { partition: tenant, range, limit: 1000 });
  const refs = items.map(({ item }) => item['keyRef']).filter((keyRef) => keyRef !== key);
  const kms = refs.filter((keyRef) => typeof keyRef === 'string' && keyRef.startsWith('arn:')).length;
  return { kms, others: refs.length - kms };
}
