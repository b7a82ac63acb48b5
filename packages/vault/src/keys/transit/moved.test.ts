import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimIssuer } from '../../receipt.ts';
import { memoryTables } from '../../store/memory/tables.ts';
import { actOf, keysOf } from '../administration.ts';
import { openKeyring } from '../keyring.ts';
import { openSealer } from '../open-sealer.ts';
import type { KeyProvider } from '../provider.ts';
import type { KeyWork } from '../rotate/job-row.ts';
import { openStage, type Stage } from './fixtures/stage.ts';
import { openTransit } from './provider.ts';

// A deployment goes from a file to Vault, through a rotation there, and back; everything opens at every point.

const issue = claimIssuer();
const tenants = ['g1', 'g2', 'g3', 'g4', 'g5'];
const placeOf = (tenant: string) => ({ tenant, subject: 'p', table: 't', record: 'r', field: 'f', epoch: 0 });
let stage: Stage;
let directory = '';
const ends: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  stage = await openStage();
  directory = await mkdtemp(join(tmpdir(), 'moved-'));
});
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
  await stage.close();
  await rm(directory, { recursive: true });
});

test('tenants move to transit and back, and a rotated key is left behind for good', async () => {
  const tables = memoryTables({ now: Date.now });
  const key = await stage.newKey();
  const { address, mount, rootToken: token } = stage;
  const transit = () => openTransit({ address, mount, key, logIn: { token } });
  const keyring = () =>
    openKeyring({ file: join(directory, 'keyring.json'), mayCreate: true, now: Date.now });
  const start = async (provider: KeyProvider, ...opening: KeyProvider[]) => {
    const sealer = await openSealer({ tables, provider, opening, now: Date.now });
    ends.push(async () => sealer.close(), ...[provider, ...opening].map((each) => () => each.close()));
    return sealer;
  };
  type Started = Awaited<ReturnType<typeof start>>;
  const work = async (by: Started, asked: KeyWork) => {
    const receipt = issue('entry', actOf(asked), keysOf(asked.tenant ?? '*'));
    expect(await by.administration.work(receipt, asked, { settleMs: 0 })).toMatchObject({ failures: [] });
  };
  const sealed = new Map<string, Uint8Array>();
  const opens = async (by: Started) => {
    for (const [tenant, bytes] of sealed)
      expect(await by.open('credential', placeOf(tenant), bytes)).toEqual(Buffer.from(`of ${tenant}`));
  };
  const wraps = async () =>
    (await tables.scan('tenant_keys', { limit: 100 })).items.map(({ item }) =>
      Buffer.from(String(item['wrapped']), 'base64url').toString('latin1').slice(0, 9),
    );

  const first = await start(await keyring(), await transit());
  for (const tenant of tenants)
    sealed.set(tenant, await first.seal('credential', placeOf(tenant), Buffer.from(`of ${tenant}`)));
  await work(first, { kind: 'move', to: 'transit' });
  await work(first, { kind: 'settle', to: 'transit' });
  expect(new Set(await wraps())).toEqual(new Set(['vault:v1:']));

  // The file is not needed any more.
  const second = await start(await transit());
  await opens(second);
  await stage.api('POST', `${mount}/keys/${key}/rotate`);
  await work(second, { kind: 'root' });
  expect(new Set(await wraps())).toEqual(new Set(['vault:v2:']));
  await stage.api('POST', `${mount}/keys/${key}/config`, { min_decryption_version: 2 });
  await opens(await start(await transit()));

  const third = await start(await transit(), await keyring());
  await work(third, { kind: 'move', to: 'keyring' });
  await work(third, { kind: 'settle', to: 'keyring' });
  await opens(await start(await keyring()));
});
