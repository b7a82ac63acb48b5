import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { carryDefaults, openCarry } from './carry.ts';

/** One ASN.1 value in DER. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

/** A certificate for 127.0.0.1 that nobody but itself vouches for, made for one test (RFC 5280, Ed25519 by RFC 8410). */
function selfSigned(): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const algorithm = der(0x30, der(0x06, Buffer.from([0x2b, 0x65, 0x70])));
  const name = der(
    0x30,
    der(0x31, der(0x30, der(0x06, Buffer.from([0x55, 4, 3])), der(0x0c, Buffer.from('test')))),
  );
  const validity = der(
    0x30,
    der(0x17, Buffer.from('200101000000Z')),
    der(0x17, Buffer.from('491231235959Z')),
  );
  const address = der(0x30, der(0x87, Buffer.from([127, 0, 0, 1])));
  const names = der(0x30, der(0x06, Buffer.from([0x55, 0x1d, 0x11])), der(0x04, address));
  const serial = der(0x02, Buffer.from([1]), randomBytes(8));
  const publicBytes = publicKey.export({ type: 'spki', format: 'der' });
  const version = der(0xa0, der(0x02, Buffer.from([2])));
  const body = der(
    0x30,
    version,
    serial,
    algorithm,
    name,
    validity,
    name,
    publicBytes,
    der(0xa3, der(0x30, names)),
  );
  const whole = der(0x30, body, algorithm, der(0x03, Buffer.from([0]), sign(null, body, privateKey)));
  const cert = `-----BEGIN CERTIFICATE-----\n${whole.toString('base64')}\n-----END CERTIFICATE-----\n`;
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert };
}

it('sends nothing to an upstream whose certificate nobody vouches for', async () => {
  let asked = 0;
  const server = createServer(selfSigned(), (_, response) => {
    asked++;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const open = openCarry(carryDefaults);
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const signal = new AbortController().signal;
  const sent = open.carry({
    origin,
    path: '/',
    method: 'POST',
    headers: { authorization: 'Bearer k' },
    body: Buffer.from('{}'),
    signal,
  });
  await expect(sent).rejects.toMatchObject({
    code: 'upstream_unavailable',
    message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') as unknown,
  });
  expect(asked).toBe(0);
  await open.close();
  await new Promise((resolve) => server.close(resolve));
});
