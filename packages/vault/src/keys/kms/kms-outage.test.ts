import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { memoryTables } from '../../store/memory/tables.ts';
import { openSealer, type OpenedSealer } from '../open-sealer.ts';
import type { Place } from '../sealer.ts';
import type { PeerFault } from './fixtures/kms-peer.ts';
import { onAws, openKmsStage, type KmsStage } from './fixtures/kms-stage.ts';
import { openKms } from './open-kms.ts';

// A sealer on a KMS that stops working. Whoever's keys are in memory goes on until their life ends; everybody else is told
// that the key cannot be had, never that what they have is wrong.

const place = (tenant: string): Place => ({
  tenant,
  subject: '',
  table: 'connections',
  record: 'r',
  field: 'f',
  epoch: 0,
});
const secret = Buffer.from('sk-live-4242');
const keyLifeMs = 300_000;
const unavailable = { code: 'key_unavailable' };

describe.skipIf(onAws)('a sealer on a KMS that does not work (it needs faults)', () => {
  let stage: KmsStage;
  let keyId: string;
  const clock = { nowMs: 1_700_000_000_000 };
  const now = () => clock.nowMs;

  beforeAll(async () => {
    stage = await openKmsStage();
    keyId = await stage.makeKey();
  });
  afterAll(() => stage.close());
  beforeEach(() => void stage.peer?.faults.splice(0));

  const ways: readonly (readonly [string, PeerFault | 'down'])[] = [
    ['is down', 'down'],
    ['throttles', { kind: 'throttle' }],
    ['fails', { kind: 'fail' }],
    ['is silent', { kind: 'hang' }],
    ['cuts connections', { kind: 'cut' }],
  ];
  test.each(ways)('that %s: warm tenants go on until their keys end, cold ones wait', async (_, fault) => {
    const tables = memoryTables({ now });
    const open = (): Promise<OpenedSealer> =>
      openSealer({
        tables,
        now,
        provider: openKms({ keyId, service: 's', patienceMs: 1000, ...stage.connection }),
      });
    const sealer = await open();
    const sealed = new Map<string, Buffer>();
    for (const tenant of ['warm', 'cold'])
      sealed.set(tenant, await sealer.seal('token', place(tenant), secret));
    const opened = (tenant: string) => sealer.open('token', place(tenant), sealed.get(tenant) ?? secret);
    sealer.revoke('cold');
    if (fault === 'down') await stage.peer?.stop();
    else stage.peer?.faults.push(fault);

    await expect(opened('cold')).rejects.toMatchObject(unavailable);
    await expect(sealer.seal('token', place('new'), secret)).rejects.toMatchObject(unavailable);
    await expect(open()).rejects.toMatchObject(unavailable);
    for (let tick = 0; tick < 8; tick += 1) {
      expect(await opened('warm')).toEqual(secret);
      await sealer.seal('token', place('warm'), secret);
      clock.nowMs += keyLifeMs / 10;
    }
    clock.nowMs += keyLifeMs;
    await expect(opened('warm')).rejects.toMatchObject(unavailable);

    await stage.peer?.resume();
    stage.peer?.faults.splice(0);
    clock.nowMs += 2000;
    for (const tenant of ['warm', 'cold']) expect(await opened(tenant)).toEqual(secret);
    await sealer.close();
  });

  test('that was slow for a moment is asked once by a crowd', async () => {
    const sealer = await openSealer({
      tables: memoryTables({ now }),
      now,
      provider: openKms({ keyId, service: 's', ...stage.connection }),
    });
    const sealed = await sealer.seal('token', place('t'), secret);
    sealer.revoke('t');
    const before = stage.peer?.calls('Decrypt') ?? 0;
    stage.peer?.faults.push({ kind: 'slow', delayMs: 100, times: 1 });
    const crowd = await Promise.all(
      Array.from({ length: 100 }, () => sealer.open('token', place('t'), sealed)),
    );
    expect(new Set(crowd.map(String))).toEqual(new Set([String(secret)]));
    expect((stage.peer?.calls('Decrypt') ?? 0) - before).toBe(1);
    await sealer.close();
  });
});
