import { refuse } from '../refusal.ts';
import { memoryTables } from '../store/memory/tables.ts';
import type { TableName } from '../store/spec.ts';
import type { ItemOf, Tables } from '../store/tables.ts';
import { readRows, tablesOf } from '../store/transfer/check-files.ts';
import { exportInvalid } from '../store/transfer/line-file.ts';
import { signedText, type Manifest } from '../store/transfer/manifest.ts';
import { holdsTenantKeys } from './deployment.ts';
import { systemTenant } from './system-tenant.ts';
import { openSealer } from './open-sealer.ts';
import type { KeyProvider } from './provider.ts';
import type { Sealer } from './sealer.ts';

// An export is signed with the key under which the deployment blinds names. Whoever opens that key has the right root
// key, and sees by the signature that nobody wrote in the files what no gateway wrote.

/** Sign a manifest. */
export function signManifest(sealer: Pick<Sealer, 'blind'>, unsigned: Omit<Manifest, 'mac'>): Manifest {
  return { ...unsigned, mac: macOf(sealer, unsigned) };
}

/** What {@link proveExport} works with. */
export interface ProofParts {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Open the root key over tables that hold what the export says of keys. Closed afterwards. */
  readonly openProvider: (tables: Tables) => Promise<KeyProvider>;
  readonly now: () => number;
}

/**
 * Prove that the root key opens an export whose files were checked, and that the deployment itself made it. Nothing is written.
 *
 * @throws Refusal `key_unavailable` when the root key does not belong to it; `export_invalid` when it is not what the
 *   deployment made
 */
export async function proveExport({ directory, manifest, openProvider, now }: ProofParts): Promise<void> {
  const tables = memoryTables({ now });
  try {
    for (const [table] of tablesOf(manifest)) await takeKeys(tables, directory, table);
    // Without these a new deployment would be made here, and would then open.
    const known = await tables.get('deployment', { name: 'deployment' });
    const whole = known?.item['id'] === manifest.deployment && (await holdsTenantKeys(tables));
    if (!whole) throw exportInvalid('the export does not hold the deployment that its manifest names');
    const provider = await openProvider(tables);
    try {
      if (provider.name !== manifest.keyProvider)
        throw refuse(
          'key_unavailable',
          `the export was made with KEY_PROVIDER=${manifest.keyProvider}; set the same here`,
        );
      const sealer = await openSealer({ tables, provider, now });
      try {
        if (macOf(sealer, manifest) !== manifest.mac)
          throw exportInvalid('the manifest of the export was changed after it was made');
      } finally {
        await sealer.close();
      }
    } finally {
      await provider.close();
    }
  } finally {
    await tables.close();
  }
}

// The deployment's own keys; those of the tenants stay where they are.
async function takeKeys(
  tables: ReturnType<typeof memoryTables>,
  directory: string,
  table: TableName,
): Promise<void> {
  if (table !== 'deployment' && table !== 'tenant_keys' && table !== 'data_keys') return;
  for await (const { item } of readRows(directory, table))
    if (table === 'deployment' || item['tenant'] === systemTenant)
      await tables.bringIn(table, item as ItemOf<typeof table>);
}

function macOf({ blind }: Pick<Sealer, 'blind'>, manifest: Omit<Manifest, 'mac'>): string {
  return blind('export', signedText(manifest));
}
