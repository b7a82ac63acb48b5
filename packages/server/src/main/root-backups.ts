import { Refusal, type BackupNote, type DestroyedRoots } from '@sealgate/vault';
import type { TenantRootKeeping, TenantRootSeen } from '../domain/tenant-roots.ts';

// What a receipt of destroyed keys says of the root keys that older copies open with. The gateway destroys none of them: a
// local one serves everybody, and at a key service that is the act of whoever runs it. So each is named, with what ends it.

const ends: Readonly<Record<string, string>> = {
  keyring: 'the root key is destroyed: keyring.json in DATA_DIR and every copy of it',
  env: 'TOKEN_ENCRYPTION_KEY is destroyed wherever it is kept',
  passphrase: 'TOKEN_ENCRYPTION_PASSPHRASE is destroyed wherever it is kept',
  hkdf: 'MCP_KMS_KEY is destroyed wherever it is kept',
  kms: 'the key in AWS KMS is disabled, and deleted: 7 to 30 days after you schedule it',
  transit: 'the transit key is deleted, or its min_decryption_version is raised',
};

/** What is left to whoever runs AWS KMS. */
const order =
  'you disable it there (kms:DisableKey) and order its deletion (kms:ScheduleKeyDeletion, 7 to 30 days ahead); the gateway did neither, and the policy that it prints for itself lets it do neither';

type Root = DestroyedRoots['wrappedBy'][number];

/** The root keys as far as copies open with them: keys of these tenants alone first, then those of everybody. */
export async function rootBackups(
  { tenants, wrappedBy }: DestroyedRoots,
  roots: Pick<TenantRootKeeping, 'look'>,
): Promise<readonly BackupNote[]> {
  const own = await Promise.all(tenants.map((tenant) => ownBackup(tenant, roots)));
  const named = new Set(own.map(({ key }) => key));
  const others = wrappedBy.filter(({ keyRef }) => !named.has(keyRef)).map(rootBackup);
  const each = new Map(others.map((note) => [JSON.stringify(note), note]));
  return [...own.flatMap(({ notes }) => notes), ...each.values()];
}

/** One root key. Those of AWS KMS are named: there may be several. */
export function rootBackup({ provider, keyRef }: Root): BackupNote {
  return {
    where: provider === 'kms' && keyRef !== '' ? `the root key ${keyRef}` : 'the root key',
    holds: 'opens copies of the key rows that were made before, and of no others',
    until: ends[provider] ?? 'it is destroyed at its provider',
  };
}

/** A tenant's own key in AWS KMS. */
export function ownRootBackup({ key, alias, state, deletedAtMs }: TenantRootSeen): BackupNote {
  const cancelled = deletedAtMs === undefined ? '' : ', which can be cancelled until then';
  return {
    where: `the own key of this group in AWS KMS, ${key} (${alias})`,
    holds: `is ${state} there${cancelled}; opens copies of the key rows from since they lie under it, and older ones open with the root key of then`,
    until: deletedAtMs === undefined ? order : new Date(deletedAtMs).toISOString(),
  };
}

interface OwnRoot {
  readonly key: string | undefined;
  readonly notes: readonly BackupNote[];
}

// A receipt is given also where nobody can be asked, and says so.
async function ownBackup(tenant: string, { look }: Pick<TenantRootKeeping, 'look'>): Promise<OwnRoot> {
  try {
    const seen = await look(tenant);
    return { key: seen?.key, notes: seen === undefined ? [] : [ownRootBackup(seen)] };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { key: undefined, notes: [unasked(tenant)] };
  }
}

function unasked(tenant: string): BackupNote {
  return {
    where: `the own key of the group ${tenant} in AWS KMS, if it has one`,
    holds:
      'could not be looked for, for AWS KMS did not say; opens copies of the key rows that were made before',
    until: order,
  };
}
