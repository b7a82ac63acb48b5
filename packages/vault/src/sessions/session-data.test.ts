import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DisableKeyCommand, EnableKeyCommand } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openKmsStage, type KmsStage } from '../keys/kms/fixtures/kms-stage.ts';
import { openKmsSessionKeys, type KmsSessionKeys } from '../keys/kms/session-keys.ts';
import { decryptSessionData, encryptSessionData } from './session-data.ts';
import type { EncryptedSessionRecord, EncryptionResult } from './version1.ts';

interface Frozen {
  readonly name: string;
  readonly dataKey: string;
  readonly additionalData: string;
  readonly row: EncryptedSessionRecord & EncryptionResult;
  readonly data: object;
}

const frozen = JSON.parse(
  readFileSync(new URL('vectors/version1.json', import.meta.url), 'utf8'),
) as readonly Frozen[];
const refused = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) });

describe.each(frozen)(
  'a frozen session of version 1 with $name',
  ({ dataKey, additionalData, row, data }) => {
    const keys = { unwrap: async () => Buffer.from(dataKey, 'hex') };
    const bound = additionalData === '' ? {} : { additionalData: () => Buffer.from(additionalData) };

    test('opens', async () => {
      expect(await decryptSessionData(row, keys, bound)).toEqual(data);
    });

    test('does not open with any one bit of its parts changed', async () => {
      for (const part of ['encryptedData', 'iv', 'authTag'] as const) {
        const bytes = Buffer.from(row[part], 'base64');
        for (let bit = 0; bit < bytes.length * 8; bit += 1) {
          const changed = Buffer.from(bytes);
          changed[bit >> 3]! ^= 1 << (bit & 7);
          const other = { ...row, [part]: changed.toString('base64') };
          await expect(decryptSessionData(other, keys, bound)).rejects.toThrow(refused('open_failed'));
        }
      }
    });

    test('does not open bound to something else, or under another key', async () => {
      const elsewhere = { additionalData: () => Buffer.from('session-2') };
      await expect(decryptSessionData(row, keys, elsewhere)).rejects.toThrow(refused('open_failed'));
      const other = { unwrap: async () => randomBytes(32) };
      await expect(decryptSessionData(row, other, bound)).rejects.toThrow(refused('open_failed'));
    });

    test('is refused by name when it says another version', async () => {
      for (const version of [0, 2, 7, 1.5])
        await expect(decryptSessionData({ ...row, version }, keys, bound)).rejects.toThrow(
          refused('record_version_unknown', `version ${version} `),
        );
    });
  },
);

test('a version that is no number goes into no message', async () => {
  const [row] = frozen.map((each) => ({ ...each.row, version: 'canary-of-a-version' as unknown as number }));
  const keys = { unwrap: async () => randomBytes(32) };
  const error = await decryptSessionData(row!, keys).catch((reason: unknown) => reason as Error);
  expect(error).toMatchObject({ code: 'record_version_unknown' });
  expect(String((error as Error).message)).not.toContain('canary-of-a-version');
});

const ids = Array.from({ length: 1000 }, (_, n) => n);

/** Twenty at a time: a thousand at once would wait longer than a call of the key service may take. */
async function inWaves<T, R>(all: readonly T[], work: (each: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < all.length; at += 20)
    done.push(...(await Promise.all(all.slice(at, at + 20).map(work))));
  return done;
}

describe('with AWS KMS', () => {
  let stage: KmsStage;
  let keys: KmsSessionKeys;
  let keyId = '';
  beforeAll(async () => {
    stage = await openKmsStage();
    keyId = await stage.makeKey();
    keys = openKmsSessionKeys({ ...stage.connection, keyId });
  });
  afterAll(async () => {
    keys.close();
    await stage.close();
  });

  test('a session comes back, for one call of the service each way', async () => {
    const session = { userId: 'ada lovelace', cart: [1, 2, 3], cookie: { path: '/' } };
    const encrypted = await encryptSessionData(session, keys);
    expect(Object.keys(encrypted).toSorted()).toEqual(['authTag', 'encryptedData', 'encryptedDataKey', 'iv']);
    expect(Object.values(encrypted).join('')).not.toContain(Buffer.from('ada lovelace').toString('base64'));
    expect(await decryptSessionData(encrypted, keys)).toEqual(session);
    const asked = stage.peer?.events.map(({ eventName }) => eventName) ?? ['GenerateDataKey', 'Decrypt'];
    expect(asked.slice(-2)).toEqual(['GenerateDataKey', 'Decrypt']);
  });

  test('1,000 sessions have 1,000 keys, and what happens to one key happens to one session', async () => {
    const sessions = await inWaves(ids, (n) => encryptSessionData({ n }, keys));
    expect(new Set(sessions.map((each) => each.encryptedDataKey)).size).toBe(1000);
    expect(new Set(sessions.map((each) => each.iv)).size).toBe(1000);
    const destroyed = sessions.map((each, n) =>
      n === 500 ? { ...each, encryptedDataKey: Buffer.alloc(60).toString('base64') } : each,
    );
    const opened = await inWaves(destroyed, (each) => decryptSessionData(each, keys).catch(String));
    expect(opened.filter((each) => typeof each === 'string')).toHaveLength(1);
    expect(opened[500]).toContain('cannot be opened');
    expect(opened[499]).toEqual({ n: 499 });
  });

  test('the plaintext key is wiped after use, both ways', async () => {
    const seen: Buffer[] = [];
    const watched = {
      generate: async (sessionId: string) => {
        const made = await keys.generate(sessionId);
        seen.push(made.plaintext);
        return made;
      },
      unwrap: async (wrapped: Uint8Array, sessionId: string) => {
        const plaintext = await keys.unwrap(wrapped, sessionId);
        seen.push(plaintext);
        return plaintext;
      },
    };
    const encrypted = await encryptSessionData({ a: 1 }, watched);
    await decryptSessionData(encrypted, watched);
    await decryptSessionData({ ...encrypted, authTag: randomBytes(16).toString('base64') }, watched).catch(
      () => undefined,
    );
    expect(seen.map((each) => each.equals(Buffer.alloc(32)))).toEqual([true, true, true]);
  });

  test('what holds no session is none', async () => {
    for (const value of [[1], 'text', null] as unknown[]) {
      const encrypted = await encryptSessionData(value as object, keys);
      await expect(decryptSessionData(encrypted, keys)).rejects.toThrow(refused('open_failed'));
    }
  });

  test('a wrapped key that the service does not know is a session that does not open', async () => {
    const encrypted = await encryptSessionData({ a: 1 }, keys);
    const other = { ...encrypted, encryptedDataKey: randomBytes(60).toString('base64') };
    await expect(decryptSessionData(other, keys)).rejects.toThrow(refused('open_failed'));
  });

  test('a session whose key is bound to its id opens under that id alone', async () => {
    const context = (sessionId: string) => ({ session: sessionId });
    const bound = openKmsSessionKeys({ ...stage.connection, keyId, context });
    const encrypted = await encryptSessionData({ a: 1 }, bound, { sessionId: 'one' });
    expect(await decryptSessionData(encrypted, bound, { sessionId: 'one' })).toEqual({ a: 1 });
    for (const [opening, sessionId] of [
      [bound, 'two'],
      [keys, 'one'],
    ] as const)
      await expect(decryptSessionData(encrypted, opening, { sessionId })).rejects.toThrow(
        refused('open_failed'),
      );
    bound.close();
  });

  test('a key that is disabled is no damaged session, and neither is a service that is down', async (task) => {
    const encrypted = await encryptSessionData({ a: 1 }, keys);
    await stage.client.send(new DisableKeyCommand({ KeyId: keyId }));
    await expect(decryptSessionData(encrypted, keys)).rejects.toThrow(refused('key_unavailable'));
    await expect(encryptSessionData({ a: 1 }, keys)).rejects.toThrow(refused('key_unavailable'));
    await stage.client.send(new EnableKeyCommand({ KeyId: keyId }));
    if (stage.peer === undefined) return task.skip('AWS is not made to fail');
    await stage.peer.stop();
    await expect(decryptSessionData(encrypted, keys)).rejects.toThrow(refused('key_unavailable'));
    await stage.peer.resume();
    expect(await decryptSessionData(encrypted, keys)).toEqual({ a: 1 });
  });
});
