import { argon2Sync, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { memoryTables } from '../store/memory/tables.ts';
import { openSealer } from './open-sealer.ts';
import {
  earlierStretching,
  newStretching,
  passphraseKey,
  type PassphraseSettings,
  type Stretching,
} from './passphrase.ts';
import { passphraseSettings } from './passphrase-settings.ts';

const context = { deployment: 'd', tenant: 't', purpose: 'tenant', version: '000001' };
const passphrase = 'Straße mit grünem Tor';
const frozenSalt = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const frozenKey = Buffer.from(Array.from({ length: 32 }, (_, index) => 0xa0 + index));
const now = () => 1_700_000_000_000;

describe('frozen: what a passphrase made once opens with every later version', () => {
  test.each<[string, Stretching, string, string]>([
    [
      'PBKDF2',
      earlierStretching,
      'nA5QZYFeSU9f8Qkdql4olw',
      '4QEQAJwOUGWBXklPX_EJHapeKJdyBbgkSHfBDxp_u_-W5qr8ZFWvKoKW-6Y3Mb6SJ62Cwn1x-iTuPLu274tAh7XwIlRg8QCJjsGqxuM2zcoqzbIbwJMDWk9RCT4',
    ],
    [
      'Argon2id',
      newStretching,
      'adzGk1CTpr8OV3m5RHfLxg',
      '4QEQAGncxpNQk6a_Dld5uUR3y8bD8Pd38MFutDzbvnIH3-mk57eCQsbA6PdkCleS-eBUFli9r95b2JTEWLLPA3NcUo_HBr5MF2OnCUidda3l4CaFrJodZ-T-2aE',
    ],
  ])('%s', async (_, stretching, keyRef, wrapped) => {
    const provider = await passphraseKey(passphrase, { salt: frozenSalt, stretching });
    expect(await provider.describe()).toEqual([{ keyRef, active: true, createdAtMs: undefined }]);
    const request = { tenant: 't', keyRef, wrapped: Buffer.from(wrapped, 'base64url'), context };
    expect(await provider.unwrap(request)).toEqual(frozenKey);
  });

  test('Argon2id is that of RFC 9106 §5.3', () => {
    const tag = argon2Sync('argon2id', {
      message: Buffer.alloc(32, 1),
      nonce: Buffer.alloc(16, 2),
      secret: Buffer.alloc(8, 3),
      associatedData: Buffer.alloc(12, 4),
      passes: 3,
      memory: 32,
      parallelism: 4,
      tagLength: 32,
    });
    expect(tag.toString('hex')).toBe('0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659');
  });
});

describe('a passphrase', () => {
  test.each([earlierStretching, newStretching])(
    'opens again with the same salt and work, in whatever form its letters are written: %j',
    async (stretching) => {
      const settings = { salt: randomBytes(16), stretching };
      const made = await (await passphraseKey(passphrase, settings)).generate({ tenant: 't', context });
      const again = await passphraseKey(passphrase.normalize('NFD'), settings);
      expect(await again.unwrap({ ...made, tenant: 't', context })).toEqual(made.plaintext);
    },
  );

  test('does not open with another salt, other work or another passphrase', async () => {
    const salt = randomBytes(16);
    const settings = { salt, stretching: newStretching };
    const made = await (await passphraseKey(passphrase, settings)).generate({ tenant: 't', context });
    const others: [string, PassphraseSettings][] = [
      [passphrase, { ...settings, salt: randomBytes(16) }],
      [passphrase, { salt, stretching: earlierStretching }],
      ...(['memoryKib', 'passes', 'lanes'] as const).map((name): [string, PassphraseSettings] => [
        passphrase,
        {
          salt,
          stretching: {
            kdf: 'argon2id',
            memoryKib: 65_536,
            passes: 3,
            lanes: 4,
            [name]: name === 'memoryKib' ? 32_768 : 2,
          },
        },
      ]),
      [`${passphrase}.`, settings],
    ];
    for (const [text, other] of others)
      await expect(
        (await passphraseKey(text, other)).unwrap({ ...made, tenant: 't', context }),
      ).rejects.toMatchObject({ code: 'key_unavailable' });
  });

  test.each<[string, string, Buffer, Stretching]>([
    ['that is short', 'hunter2', randomBytes(16), newStretching],
    ['of one letter many times', 'aaaaaaaaaaaaaaaaaaaaaaaaaa', randomBytes(16), newStretching],
    ['with a short salt', passphrase, randomBytes(15), newStretching],
    ['with too few rounds', passphrase, randomBytes(16), { kdf: 'pbkdf2-sha256', rounds: 599_999 }],
    ['with no number of rounds', passphrase, randomBytes(16), { kdf: 'pbkdf2-sha256', rounds: Number.NaN }],
    ['with endless rounds', passphrase, randomBytes(16), { kdf: 'pbkdf2-sha256', rounds: 1e12 }],
    ['with little memory', passphrase, randomBytes(16), argon({ memoryKib: 19_455 })],
    ['with one pass', passphrase, randomBytes(16), argon({ passes: 1 })],
    ['with all the memory there is', passphrase, randomBytes(16), argon({ memoryKib: 2 ** 32 - 1 })],
    ['with half a lane', passphrase, randomBytes(16), argon({ lanes: 0.5 })],
    ['with no lane', passphrase, randomBytes(16), argon({ lanes: 0 })],
  ])('%s is refused', async (_, text, salt, stretching) => {
    await expect(passphraseKey(text, { salt, stretching })).rejects.toMatchObject({ code: 'key_weak' });
  });
});

describe('what a passphrase is stretched with', () => {
  test('is Argon2id in new data, and stays what it was', async () => {
    const tables = memoryTables({ now });
    const made = await passphraseSettings(tables);
    expect(made.stretching).toEqual(newStretching);
    expect(made.salt).toHaveLength(32);
    expect(await passphraseSettings(tables)).toEqual(made);
    const { item } = (await tables.get('deployment', { name: 'passphrase_salt' })) ?? {};
    expect(item).toMatchObject({ kdf: 'argon2id', memoryKib: 65_536, passes: 3, lanes: 4 });
  });

  test('is PBKDF2 in data of before, whose row holds the salt alone', async () => {
    const tables = memoryTables({ now });
    const salt = frozenSalt.toString('base64url');
    await tables.put('deployment', { name: 'passphrase_salt', salt });
    expect(await passphraseSettings(tables)).toEqual({ salt: frozenSalt, stretching: earlierStretching });
    expect((await tables.get('deployment', { name: 'passphrase_salt' }))?.item).not.toHaveProperty('kdf');
  });

  test('lets data of before open, and what is sealed now opens with it as well', async () => {
    const tables = memoryTables({ now });
    await tables.put('deployment', { name: 'passphrase_salt', salt: frozenSalt.toString('base64url') });
    const place = { tenant: 'g', subject: '', table: 't', record: 'r', field: 'f', epoch: 0 };
    const before = await passphraseKey(passphrase, { salt: frozenSalt, stretching: earlierStretching });
    const sealed = await (
      await openSealer({ tables, provider: before, now })
    ).seal('token', place, frozenKey);
    const provider = await passphraseKey(passphrase, await passphraseSettings(tables));
    const sealer = await openSealer({ tables, provider, now });
    expect(await sealer.open('token', place, sealed)).toEqual(frozenKey);
  });

  test('is one for twenty that start together', async () => {
    const tables = memoryTables({ now });
    const all = await Promise.all(Array.from({ length: 20 }, () => passphraseSettings(tables)));
    expect(new Set(all.map(({ salt }) => Buffer.from(salt).toString('hex'))).size).toBe(1);
  });

  test.each([
    ['no salt', { kdf: 'argon2id', memoryKib: 65_536, passes: 3, lanes: 4 }],
    ['a salt that is none', { salt: 'not base64url!' }],
    ['a kdf to come', { salt: 'AAAA', kdf: 'argon3' }],
    ['no numbers', { salt: 'AAAA', kdf: 'argon2id' }],
  ])('with %s is never replaced', async (_, row) => {
    const tables = memoryTables({ now });
    await tables.put('deployment', { name: 'passphrase_salt', ...row });
    await expect(passphraseSettings(tables)).rejects.toMatchObject({ code: 'key_unavailable' });
    expect((await tables.get('deployment', { name: 'passphrase_salt' }))?.item).toMatchObject(row);
  });

  test('that somebody made weaker in the table makes no weaker key: it is refused', async () => {
    const tables = memoryTables({ now });
    const { salt } = await passphraseSettings(tables);
    const weaker = {
      ...newStretching,
      memoryKib: 8,
      passes: 1,
      salt: Buffer.from(salt).toString('base64url'),
    };
    await tables.put('deployment', { name: 'passphrase_salt', ...weaker });
    const settings = await passphraseSettings(tables);
    await expect(passphraseKey(passphrase, settings)).rejects.toMatchObject({ code: 'key_weak' });
  });
});

function argon(changed: object): Stretching {
  return { kdf: 'argon2id', memoryKib: 65_536, passes: 3, lanes: 4, ...changed };
}
