import { refuse } from '../refusal.ts';
import { memoryTables } from '../store/memory/tables.ts';
import type { TableName } from '../store/spec.ts';
import type { ItemOf, Tables } from '../store/tables.ts';
import { readRows, tablesOf } from '../store/transfer/check-files.ts';
import { exportInvalid } from '../store/transfer/line-file.ts';
import { signedText, type Manifest } from '../store/transfer/manifest.ts';
import { holdsTenantKeys } from './deployment.ts';
import { openSealer } from './open-sealer.ts';
import type { KeyProvider } from './provider.ts';
import type { Sealer } from './sealer.ts';
import { systemTenant } from './system-tenant.ts';
import { stateVersion } from './tenant-state.ts';

// An export is signed with the key under which the deployment blinds names. Whoever opens that key has the right root
// key, and sees by the signature that nobody wrote in the files what no gateway wrote. That key may lie under another provider
// than the one for new tenants, or under two while it moves: any that is set up here will do. Nobody's keys are left behind:
// one that no provider here could open is refused as well, by the name of what is missing.

/** Sign a manifest. */
export function signManifest(sealer: Pick<Sealer, 'blind'>, unsigned: Omit<Manifest, 'mac'>): Manifest {
  return { ...unsigned, mac: macOf(sealer, unsigned) };
}

/** The root keys that are set up here. */
export interface ProofRoots {
  readonly provider: KeyProvider;
  /** Further ones. */
  readonly opening: readonly KeyProvider[];
  close(): Promise<void>;
}

/** What {@link proveExport} works with. */
export interface ProofParts {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Open the root keys over tables that hold what the export says of keys, and make none. Closed afterwards. */
  readonly openRoots: (tables: Tables) => Promise<ProofRoots>;
  readonly now: () => number;
}

/**
 * Prove that the root keys open an export whose files were checked, and that the deployment itself made it. Nothing is written.
 *
 * @throws Refusal `key_unavailable` when a root key does not belong to it, or one that it needs is missing; `export_invalid`
 *   when it is not what the deployment made
 */
export async function proveExport({ directory, manifest, openRoots, now }: ProofParts): Promise<void> {
  const tables = memoryTables({ now });
  try {
    for (const [table] of tablesOf(manifest)) await takeKeys(tables, directory, table);
    // Without these a new deployment would be made here, and would then open.
    const known = await tables.get('deployment', { name: 'deployment' });
    const whole = known?.item['id'] === manifest.deployment && (await holdsTenantKeys(tables));
    if (!whole) throw exportInvalid('the export does not hold the deployment that its manifest names');
    const { provider, opening, close } = await openRoots(tables);
    try {
      await refuseMissing(directory, [provider, ...opening]);
      const sealer = await openSealer({ tables, provider, opening, now });
      try {
        if (macOf(sealer, manifest) !== manifest.mac)
          throw exportInvalid('the manifest of the export was changed after it was made');
      } finally {
        await sealer.close();
      }
    } finally {
      await close();
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

// Rows without a name are older than any provider but the local ones. Whether those open is found out with the key of the
// deployment.
async function refuseMissing(directory: string, providers: readonly KeyProvider[]): Promise<void> {
  const known = new Set(providers.map(({ name }) => name));
  const missing = new Set<string>();
  let rows = 0;
  for await (const { item } of readRows(directory, 'tenant_keys')) {
    if (item['version'] === stateVersion) continue;
    const names = [item, item['also']].map(providerIn).filter((name) => name !== undefined);
    if (names.length === 0 || names.some((name) => known.has(name))) continue;
    rows += 1;
    missing.add(names.join(' or '));
  }
  if (missing.size > 0)
    throw refuse(
      'key_unavailable',
      `the export holds keys that were wrapped by ${[...missing].toSorted().join(', and others by ')}, which is not set up here: set KEY_PROVIDER to it, or bring its variables (of a keyring, keyring.json) beside another one`,
      `${rows} rows of tenant_keys`,
    );
}

function providerIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('provider' in value)) return undefined;
  return typeof value.provider === 'string' ? value.provider : undefined;
}

function macOf({ blind }: Pick<Sealer, 'blind'>, manifest: Omit<Manifest, 'mac'>): string {
  return blind('export', signedText(manifest));
}
