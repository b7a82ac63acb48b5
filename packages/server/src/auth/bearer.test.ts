import { describe, expect, it } from 'vitest';
import { developmentBearer, isLoopback } from './bearer.ts';

const token = 'sgd_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const who = { tenant: 'g1', subject: 'u1' };
const from = (authorization: string | undefined, peer: string | undefined = '127.0.0.1') => ({
  authorization,
  peer,
  agent: 'test',
});

describe('the development bearer', () => {
  const bearer = developmentBearer(token, who);

  it('makes its holder the local administrator', () => {
    expect(bearer.verify(from(`Bearer ${token}`))).toEqual({
      tenant: 'g1',
      subject: 'u1',
      client: 'development',
      source: 'mcp',
      ip: '127.0.0.1',
      agent: 'test',
    });
  });

  it.each([
    ['nothing', undefined],
    ['an empty header', ''],
    ['another scheme', `Basic ${token}`],
    ['a wrong token', `Bearer ${token.slice(0, -1)}x`],
    ['a prefix', `Bearer ${token.slice(0, -1)}`],
    ['a longer token', `Bearer ${token}A`],
    ['two tokens', `Bearer ${token}, Bearer ${token}`],
    ['leading spaces', `Bearer  ${token}`],
  ])('refuses %s', (_, authorization) => {
    expect(() => bearer.verify(from(authorization))).toThrow(
      expect.objectContaining({ code: 'unauthorized' }),
    );
  });

  it.each(['10.0.0.7', '192.168.1.2', '::ffff:10.0.0.7', '2001:db8::1', '127.0.0.1.example', undefined])(
    'refuses the right token from %s',
    (peer) => {
      const presented = { authorization: `Bearer ${token}`, peer, agent: undefined };
      expect(() => bearer.verify(presented)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
    },
  );

  it('does not exist in production', () => {
    const none = developmentBearer(undefined, who);
    for (const authorization of [undefined, '', 'Bearer ', 'Bearer undefined', `Bearer ${token}`])
      expect(() => none.verify(from(authorization))).toThrow(
        expect.objectContaining({ code: 'unauthorized' }),
      );
  });
});

describe('isLoopback', () => {
  it.each(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])('knows %s', (address) => {
    expect(isLoopback(address)).toBe(true);
  });
});
