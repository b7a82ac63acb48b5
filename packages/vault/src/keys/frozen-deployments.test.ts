import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Suite } from '../seal/data-key.ts';
import { memoryTables } from '../store/memory/tables.ts';
import type { ItemOf } from '../store/tables.ts';
import { envKey } from './env-key.ts';
import { hkdfRoot } from './hkdf-root.ts';
import { openKeyring } from './keyring.ts';
import { openSealer, type OpenedSealer } from './open-sealer.ts';
import { earlierStretching, passphraseKey } from './passphrase.ts';
import type { KeyProvider } from './provider.ts';
import type { Place, PlacedKind } from './sealer.ts';

// Whole deployments as an earlier release left them: root key, rows of keys, and records. They stand for data that exists, so
// they never change; a form that is added later gets one of its own. Derived keys and commitments of the provider `hkdf` were
// also computed by a second implementation.

type KeyTable = 'deployment' | 'tenant_keys' | 'data_keys';

interface Frozen {
  readonly provider: 'keyring' | 'env' | 'hkdf' | 'passphrase';
  readonly suite: Suite;
  readonly root: Readonly<Record<string, string>>;
  readonly blinded: Readonly<Record<'purpose' | 'name' | 'as', string>>;
  readonly rows: Readonly<Record<KeyTable, readonly ItemOf<KeyTable>[]>>;
  readonly records: readonly {
    readonly kind: PlacedKind;
    readonly place: Place;
    readonly plaintext: string;
    readonly sealed: string;
  }[];
}

const now = () => 1_790_000_100_000;
const frozen = JSON.parse(
  readFileSync(new URL('vectors/deployments.json', import.meta.url), 'utf8'),
) as readonly Frozen[];

async function openRoot({ provider, root }: Frozen): Promise<KeyProvider> {
  if (provider === 'env') return envKey(root['key'] ?? '');
  if (provider === 'hkdf') return hkdfRoot(root['key'] ?? '');
  if (provider === 'passphrase')
    return passphraseKey(root['passphrase'] ?? '', {
      salt: Buffer.from(root['salt'] ?? '', 'hex'),
      stretching: earlierStretching,
    });
  const folder = await mkdtemp(join(tmpdir(), 'frozen-'));
  const file = join(folder, 'keyring.json');
  await writeFile(file, root['file'] ?? '', { mode: 0o600 });
  try {
    return await openKeyring({ file, mayCreate: false, now });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function withFrozen<T>(deployment: Frozen, use: (sealer: OpenedSealer) => Promise<T>): Promise<T> {
  const tables = memoryTables({ now });
  for (const [table, rows] of Object.entries(deployment.rows))
    await tables.bringIn(table as KeyTable, ...(rows as readonly ItemOf<KeyTable>[]));
  const provider = await openRoot(deployment);
  const sealer = await openSealer({ tables, provider, now });
  try {
    return await use(sealer);
  } finally {
    await sealer.close();
    await provider.close();
  }
}

describe.each(frozen)('a frozen deployment of provider $provider, suite $suite', (deployment) => {
  test('opens every record, and blinds names as it did', () =>
    withFrozen(deployment, async (sealer) => {
      for (const { kind, place, plaintext, sealed } of deployment.records) {
        const opened = await sealer.open(kind, place, Buffer.from(sealed, 'base64url'));
        expect(opened.toString()).toBe(plaintext);
      }
      const { purpose, name, as } = deployment.blinded;
      expect(sealer.blind(purpose, name)).toBe(as);
    }));

  test('seals on, beside what it has', () =>
    withFrozen(deployment, async (sealer) => {
      const [{ kind, place, plaintext, sealed }] = deployment.records as [Frozen['records'][number]];
      const again = await sealer.seal(kind, place, Buffer.from(plaintext));
      expect((await sealer.open(kind, place, again)).toString()).toBe(plaintext);
      const opened = await sealer.open(kind, place, Buffer.from(sealed, 'base64url'));
      expect(opened.toString()).toBe(plaintext);
    }));

  test('refuses a record of a version that is not known, by its name', () =>
    withFrozen(deployment, async (sealer) => {
      for (const { kind, place, sealed } of deployment.records) {
        const later = Buffer.from(sealed, 'base64url');
        later[0] = 0xe2;
        await expect(sealer.open(kind, place, later)).rejects.toThrow(
          expect.objectContaining({
            code: 'record_version_unknown',
            message: expect.stringContaining('0xE2'),
          }),
        );
      }
    }));
});

test('every local provider is there under both suites', () => {
  const pairs = frozen.map(({ provider, suite }) => `${provider} ${suite}`);
  const providers = ['keyring', 'env', 'hkdf', 'passphrase'];
  expect(pairs.toSorted()).toEqual(providers.flatMap((name) => [`${name} 1`, `${name} 2`]).toSorted());
});
