import { describe, expect, it } from 'vitest';
import { openNames } from './as/resources.ts';
import type { Shown, Verified } from './as/tokens.ts';
import { isLoopback, skippedBearer, tokenBearer, type Presented } from './bearer.ts';

const names = openNames({ issuer: () => 'http://127.0.0.1:3000', port: () => 3000 });
const verified = {
  tenant: 'g1',
  subject: 'u1',
  client: 'c1',
  grant: 'the-grant',
  endsAtMs: 1_800_000_000_000,
  scopes: new Set(['mcp']),
  path: '/mcp/docs',
};

function open(found: Partial<Verified> | undefined = {}) {
  const asked: Shown[] = [];
  const verify = async (shown: Shown) => {
    asked.push(shown);
    return shown.token === 'good' ? { ...verified, ...found } : undefined;
  };
  const groupOf = async (name: string) => ({ acme: 'g1', beta: 'g2' })[name];
  return {
    bearer: tokenBearer(
      { verify, holds: async () => true, stands: async () => true, forget: () => undefined },
      names,
      groupOf,
    ),
    asked,
  };
}

const at = (upstream?: string, group?: string) => ({ group, upstream });

const from = (change: Partial<Presented> = {}): Presented => ({
  authorization: 'Bearer good',
  dpop: undefined,
  method: 'POST',
  host: 'localhost:3000',
  address: at('docs'),
  peer: '10.0.0.7',
  agent: 'test',
  ...change,
});

describe('a token', () => {
  it('makes its holder the caller in the group of the grant', async () => {
    expect(await open().bearer.verify(from())).toEqual({
      tenant: 'g1',
      subject: 'u1',
      client: 'c1',
      grant: 'the-grant',
      endsAtMs: 1_800_000_000_000,
      source: 'mcp',
      ip: '10.0.0.7',
      agent: 'test',
    });
  });

  it('for no upstream in particular opens each', async () => {
    expect(await open({ path: '/mcp' }).bearer.verify(from({ address: at('other') }))).toMatchObject({
      client: 'c1',
    });
  });

  it('for a named group is good there, by id and by url, and in no other group', async () => {
    const good = (path: string, group: string) =>
      open({ path }).bearer.verify(from({ address: at('docs', group) }));
    await expect(good('/t/g1/mcp', 'g1')).resolves.toMatchObject({ tenant: 'g1' });
    await expect(good('/t/acme/mcp/docs', 'acme')).resolves.toMatchObject({ tenant: 'g1' });
    for (const group of ['beta', 'g2', 'nobody'])
      await expect(good(`/t/${group}/mcp`, group)).rejects.toMatchObject({ code: 'unauthorized' });
    await expect(good('/t/g1/mcp', 'acme')).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('shown with a proof is asked about with the addresses that the client may have meant', async () => {
    const { bearer, asked } = open();
    await bearer.verify(from({ authorization: 'DPoP good', dpop: 'a.b.c' }));
    expect(asked[0]?.dpop).toEqual({
      proof: 'a.b.c',
      method: 'POST',
      addresses: ['http://localhost:3000/mcp/docs', 'http://127.0.0.1:3000/mcp/docs'],
    });
  });

  it.each<[string, Partial<Presented>]>([
    ['nothing', { authorization: undefined }],
    ['an empty header', { authorization: '' }],
    ['another scheme', { authorization: 'Basic good' }],
    ['an unknown token', { authorization: 'Bearer bad' }],
    ['two tokens', { authorization: 'Bearer good, Bearer good' }],
    ['leading spaces', { authorization: 'Bearer  good' }],
    ['DPoP without a proof', { authorization: 'DPoP good' }],
    ['the token of another upstream', { address: at('other') }],
    ['the token of an upstream whose name begins alike', { address: at('docs2') }],
    ['a path that climbs', { address: at('../mcp') }],
    ['the token of one upstream at the address of all', { address: at() }],
    ['the token of an unnamed group where one is named', { address: at('docs', 'g1') }],
  ])('is refused: %s', async (_, change) => {
    await expect(open().bearer.verify(from(change))).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('without the scope is told so', async () => {
    await expect(open({ scopes: new Set(['openid']) }).bearer.verify(from())).rejects.toMatchObject({
      code: 'scope_insufficient',
    });
  });
});

describe('without sign-in', () => {
  const bearer = skippedBearer({ tenant: 'g1', subject: 'u1' });

  it('whoever comes from this machine is the local administrator', async () => {
    expect(await bearer.verify(from({ authorization: undefined, peer: '127.0.0.1' }))).toMatchObject({
      subject: 'u1',
      client: 'development',
    });
  });

  it.each(['10.0.0.7', '192.168.1.2', '::ffff:10.0.0.7', '2001:db8::1', '127.0.0.1.example', undefined])(
    'whoever comes from %s is refused',
    async (peer) => {
      await expect(bearer.verify(from({ peer }))).rejects.toMatchObject({ code: 'unauthorized' });
    },
  );
});

describe('isLoopback', () => {
  it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('knows %s', (address) => {
    expect(isLoopback(address)).toBe(true);
  });
});
