import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

/** A key service as AWS KMS speaks (JSON 1.1), with one key. */
function keyService() {
  const key = randomBytes(32);
  const calls: string[] = [];
  const answer = (target: string, body: Record<string, string>): object => {
    if (target === 'TrentService.GenerateDataKey') {
      const [plaintext, nonce] = [randomBytes(32), randomBytes(12)];
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      const wrapped = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      return { Plaintext: plaintext.toString('base64'), CiphertextBlob: wrapped.toString('base64') };
    }
    const wrapped = Buffer.from(body['CiphertextBlob'] ?? '', 'base64');
    const decipher = createDecipheriv('aes-256-gcm', key, wrapped.subarray(0, 12), { authTagLength: 16 });
    decipher.setAuthTag(wrapped.subarray(-16));
    const plaintext = Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]);
    return { Plaintext: plaintext.toString('base64') };
  };
  const server = createServer(async (request, response) => {
    const target = String(request.headers['x-amz-target']);
    calls.push(target);
    try {
      response.end(JSON.stringify(answer(target, JSON.parse(await text(request)) as Record<string, string>)));
    } catch {
      response.writeHead(400).end(JSON.stringify({ __type: 'InvalidCiphertextException' }));
    }
  });
  return { server, calls };
}

describe('with a key service on the wire', () => {
  const { server, calls } = keyService();
  let address = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const asked = async (operation: string, body: object): Promise<Record<string, string>> => {
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `TrentService.${operation}`,
    };
    const response = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) });
    const answer = (await response.json()) as Record<string, string>;
    if (!response.ok) throw new Error(answer['__type']);
    return answer;
  };
  const keys = {
    async generate() {
      const made = await asked('GenerateDataKey', { KeyId: 'alias/sessions', KeySpec: 'AES_256' });
      return {
        plaintext: Buffer.from(made['Plaintext']!, 'base64'),
        wrapped: Buffer.from(made['CiphertextBlob']!, 'base64'),
      };
    },
    async unwrap(wrapped: Uint8Array) {
      const body = { CiphertextBlob: Buffer.from(wrapped).toString('base64') };
      return Buffer.from((await asked('Decrypt', body))['Plaintext']!, 'base64');
    },
  };

  test('a session comes back, for one call of the service each way', async () => {
    const session = { userId: 'ada lovelace', cart: [1, 2, 3], cookie: { path: '/' } };
    const encrypted = await encryptSessionData(session, keys);
    expect(Object.keys(encrypted).toSorted()).toEqual(['authTag', 'encryptedData', 'encryptedDataKey', 'iv']);
    expect(Object.values(encrypted).join('')).not.toContain(Buffer.from('ada lovelace').toString('base64'));
    expect(await decryptSessionData(encrypted, keys)).toEqual(session);
    expect(calls).toEqual(['TrentService.GenerateDataKey', 'TrentService.Decrypt']);
  });

  test('1,000 sessions have 1,000 keys, and what happens to one key happens to one session', async () => {
    const sessions = await Promise.all(
      Array.from({ length: 1000 }, (_, n) => encryptSessionData({ n }, keys)),
    );
    expect(new Set(sessions.map((each) => each.encryptedDataKey)).size).toBe(1000);
    expect(new Set(sessions.map((each) => each.iv)).size).toBe(1000);
    const destroyed = sessions.map((each, n) =>
      n === 500 ? { ...each, encryptedDataKey: Buffer.alloc(60).toString('base64') } : each,
    );
    const opened = await Promise.allSettled(destroyed.map((each) => decryptSessionData(each, keys)));
    expect(opened.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(opened[500]?.status).toBe('rejected');
    expect(opened[499]).toMatchObject({ value: { n: 499 } });
  });

  test('the plaintext key is wiped after use, both ways', async () => {
    const seen: Buffer[] = [];
    const watched = {
      generate: async () => {
        const made = await keys.generate();
        seen.push(made.plaintext);
        return made;
      },
      unwrap: async (wrapped: Uint8Array) => {
        const plaintext = await keys.unwrap(wrapped);
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

  test('an error of the key service is told as it is, not as a damaged session', async () => {
    const encrypted = await encryptSessionData({ a: 1 }, keys);
    const other = { ...encrypted, encryptedDataKey: randomBytes(60).toString('base64') };
    await expect(decryptSessionData(other, keys)).rejects.toThrow('InvalidCiphertextException');
  });
});
