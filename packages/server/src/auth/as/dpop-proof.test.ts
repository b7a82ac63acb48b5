import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { expect, it } from 'vitest';
import { judgeProof, type Proven } from './dpop-proof.ts';

const token = 'a-token';
const nowMs = 1_800_000_000_000;
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = publicKey.export({ format: 'jwk' });
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const header = { typ: 'dpop+jwt', alg: 'ES256', jwk };
const claims = {
  jti: 'one',
  htm: 'POST',
  htu: 'http://localhost:3000/mcp/docs',
  iat: nowMs / 1000,
  ath: createHash('sha256').update(token).digest('base64url'),
};

function proof(head: object = {}, body: object = {}, key: KeyObject = privateKey): string {
  const signed = `${encode({ ...header, ...head })}.${encode({ ...claims, ...body })}`;
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const bytes = sign(hash, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${bytes.toString('base64url')}`;
}

const judged = (text: string, change: Partial<Proven> = {}) =>
  judgeProof({
    proof: text,
    method: 'POST',
    addresses: ['http://127.0.0.1:3000/mcp/docs', 'http://localhost:3000/mcp/docs'],
    token,
    nowMs,
    ...change,
  });

it('holds for its token, method and address, by the thumbprint of RFC 7638', () => {
  const { crv, kty, x, y } = jwk;
  const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  expect(judged(proof())).toEqual({ thumbprint, jti: 'one' });
  expect(judged(proof({}, { htu: `${claims.htu}?query#fragment` }))).toMatchObject({ thumbprint });
});

it('holds with Ed25519', () => {
  const pair = generateKeyPairSync('ed25519');
  const own = { jwk: pair.publicKey.export({ format: 'jwk' }), alg: 'EdDSA' };
  expect(judged(proof(own, {}, pair.privateKey))).toMatchObject({ jti: 'one' });
});

const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const wide = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const [head = '', body = '', signature = ''] = proof().split('.');

it.each<[string, string, Partial<Proven>?]>([
  ['of another token', proof(), { token: 'another' }],
  ['of another method', proof(), { method: 'GET' }],
  ['of another address', proof({}, { htu: 'http://localhost:3000/mcp/other' })],
  ['of another origin', proof({}, { htu: 'http://evil.example/mcp/docs' })],
  ['from the past', proof({}, { iat: nowMs / 1000 - 61 })],
  ['from the future', proof({}, { iat: nowMs / 1000 + 61 })],
  ['without a time', proof({}, { iat: undefined })],
  ['with a time as text', proof({}, { iat: String(nowMs / 1000) })],
  ['without an id', proof({}, { jti: undefined })],
  ['with an empty id', proof({}, { jti: '' })],
  ['with an endless id', proof({}, { jti: 'x'.repeat(300) })],
  ['without the token’s digest', proof({}, { ath: undefined })],
  ['signed by another key', proof({}, {}, other.privateKey)],
  ['with another key in its head', proof({ jwk: other.publicKey.export({ format: 'jwk' }) })],
  ['with a private key in its head', proof({ jwk: privateKey.export({ format: 'jwk' }) })],
  ['without a key', proof({ jwk: undefined })],
  ['of another type', proof({ typ: 'jwt' })],
  ['with algorithm none', `${encode({ ...header, alg: 'none' })}.${body}.`],
  ['with algorithm HS256', proof({ alg: 'HS256' })],
  ['of another curve', proof({ jwk: wide.publicKey.export({ format: 'jwk' }) }, {}, wide.privateKey)],
  ['with a critical extension', proof({ crit: ['x'], x: 1 })],
  ['with a changed body', `${head}.${encode({ ...claims, jti: 'two' })}.${signature}`],
  ['without a signature', `${head}.${body}.`],
  ['in two parts', `${head}.${body}`],
  ['in four parts', `${proof()}.x`],
  ['that is no JSON', 'a.b.c'],
  ['that is empty', ''],
  ['that is very long', proof({ x: 'x'.repeat(9000) })],
])('a proof %s does not hold', (_, text, change) => {
  expect(judged(text, change)).toBeUndefined();
});
