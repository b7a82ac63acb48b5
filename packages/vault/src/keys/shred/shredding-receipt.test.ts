import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { memoryTables } from '../../store/memory/tables.ts';
import { stageOn } from './fixtures/stage.ts';
import { canonicalText, verifyReceipt, type SignedReceipt } from './shredding-receipt.ts';

const directory = mkdtempSync(join(tmpdir(), 'receipt-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function signed(): Promise<SignedReceipt> {
  const stage = stageOn(memoryTables({ now: Date.now }));
  const sealer = await stage.open();
  await stage.fill(sealer);
  const receipt = await stage.shredTenant(sealer, 'g1');
  await sealer.close();
  return receipt;
}

const offline = await signed();
const text = JSON.stringify(offline, undefined, 2);
const genuine = { genuine: true, receipt: offline.receipt };

describe('a stranger', () => {
  test('checks a receipt with its file alone, however it is laid out', () => {
    expect(verifyReceipt(text)).toEqual(genuine);
    expect(verifyReceipt(JSON.stringify(offline))).toEqual(genuine);
    const reversed = Object.fromEntries(Object.entries(offline.receipt).toReversed());
    expect(verifyReceipt(JSON.stringify({ ...offline, receipt: reversed })).genuine).toBe(true);
  });

  const tools = ['openssl version', 'jq --version'].every(
    (line) => spawnSync(line, { shell: true }).status === 0,
  );
  test.skipIf(!tools)('checks it with openssl and jq, where there are both', () => {
    const run = (program: string, ...given: string[]): Buffer =>
      execFileSync(program, given, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
    const path = (name: string): string => join(directory, name);
    writeFileSync(path('receipt.json'), text);
    writeFileSync(path('signed'), run('jq', '-cSj', '.receipt', 'receipt.json'));
    writeFileSync(path('key.pem'), run('jq', '-rj', '.publicKey', 'receipt.json'));
    const signature = run('jq', '-rj', '.signature', 'receipt.json').toString();
    writeFileSync(path('signature'), Buffer.from(signature, 'base64'));
    const verify = ['pkeyutl', '-verify', '-pubin', '-inkey', 'key.pem', '-rawin', '-in', 'signed'];
    expect(run('openssl', ...verify, '-sigfile', 'signature').toString()).toMatch(/Verified Successfully/);
    writeFileSync(path('signed'), run('jq', '-cSj', '.receipt | .keys.dataKeys = 0', 'receipt.json'));
    expect(() => run('openssl', ...verify, '-sigfile', 'signature')).toThrow(/Command failed/);
  });

  test('who knows the key of the deployment is not taken in by another one', async () => {
    const other = await signed();
    expect(verifyReceipt(text, offline.publicKey)).toEqual(genuine);
    expect(verifyReceipt(text, other.publicKey)).toMatchObject({ genuine: false });
    const swapped = { ...offline, publicKey: other.publicKey };
    expect(verifyReceipt(JSON.stringify(swapped))).toMatchObject({ genuine: false });
  });
});

describe('a receipt', () => {
  const everyPath = (value: unknown, path: readonly string[] = []): (readonly string[])[] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, member]) => everyPath(member, [...path, name]))
      : [path];

  test('of which any one value was changed is not genuine', () => {
    const paths = everyPath(offline.receipt);
    expect(paths.length).toBeGreaterThan(20);
    for (const path of paths) {
      const copy = structuredClone(offline);
      let at = copy.receipt as unknown as Record<string, unknown>;
      for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
      const last = path.at(-1)!;
      at[last] = typeof at[last] === 'number' ? at[last] + 1 : `${String(at[last])}x`;
      expect([path, verifyReceipt(JSON.stringify(copy)).genuine]).toEqual([path, false]);
    }
  });

  test('with a member more or less is not genuine', () => {
    const { backups: _, ...less } = offline.receipt;
    for (const receipt of [less, { ...offline.receipt, more: 1 }])
      expect(verifyReceipt(JSON.stringify({ ...offline, receipt })).genuine).toBe(false);
  });

  test.each([
    ['nothing', ''],
    ['no JSON', 'receipt'],
    ['null', 'null'],
    ['a list', '[]'],
    ['another format', JSON.stringify({ ...offline, receipt: { format: 'x' } })],
    ['no signature', JSON.stringify({ ...offline, signature: undefined })],
    ['an empty signature', JSON.stringify({ ...offline, signature: '' })],
    ['no key', JSON.stringify({ ...offline, publicKey: 'x' })],
  ])('that is %s is not genuine', (_, said) => {
    expect(verifyReceipt(said)).toMatchObject({ genuine: false, why: expect.stringMatching(/^it/) });
  });

  test('is not genuine under a key of another kind', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    expect(verifyReceipt(JSON.stringify({ ...offline, publicKey: pem })).genuine).toBe(false);
  });
});

test('canonical text has one form for one content', () => {
  expect(canonicalText({ b: [1, { z: 'é', a: null }], a: 'x"\n', u: undefined })).toBe(
    '{"a":"x\\"\\n","b":[1,{"a":null,"z":"é"}]}',
  );
});
