import { describe, expect, it } from 'vitest';
import { checkCredential, inject } from './inject.ts';
import type { Outgoing } from './loan.ts';

const outgoing: Outgoing = {
  origin: 'https://shop.example',
  path: '/mcp?v=1',
  method: 'POST',
  headers: { accept: 'application/json' },
  body: undefined,
  signal: new AbortController().signal,
};
const secret = Buffer.from('sesame+1');

describe('placing a credential', () => {
  it('sends a bearer', () => {
    const { headers } = inject(outgoing, { in: 'header', name: 'Authorization', scheme: 'bearer' }, secret);
    expect(headers).toEqual({ accept: 'application/json', authorization: 'Bearer sesame+1' });
  });
  it('sends basic authentication', () => {
    const basic = Buffer.from('shop:pa:ss');
    const { headers } = inject(outgoing, { in: 'header', name: 'authorization', scheme: 'basic' }, basic);
    expect(headers['authorization']).toBe(`Basic ${basic.toString('base64')}`);
  });
  it('sends a header of any name', () => {
    expect(
      inject(outgoing, { in: 'header', name: 'X-Api-Key', scheme: 'plain' }, secret).headers['x-api-key'],
    ).toBe('sesame+1');
  });
  it('sends a query value after what the address has', () => {
    expect(inject(outgoing, { in: 'query', name: 'key' }, secret).path).toBe('/mcp?v=1&key=sesame%2B1');
    expect(inject({ ...outgoing, path: '/mcp' }, { in: 'query', name: 'key' }, secret).path).toBe(
      '/mcp?key=sesame%2B1',
    );
  });
  it('never sends a child’s credential over HTTP', () => {
    expect(() => inject(outgoing, { in: 'env', name: 'API_KEY' }, secret)).toThrow(
      expect.objectContaining({ code: 'credential_misdirected' }),
    );
  });
  it('leaves the request it was given as it was', () => {
    inject(outgoing, { in: 'header', name: 'x-api-key', scheme: 'plain' }, secret);
    expect(outgoing.headers).toEqual({ accept: 'application/json' });
  });
});

describe('a credential that cannot be placed is refused', () => {
  const plain = { in: 'header', name: 'x-api-key', scheme: 'plain' } as const;
  it.each([
    ['empty', '', plain],
    ['longer than 8 KiB', 'x'.repeat(8193), plain],
    ['a line break', 'sesame\r\nX-Admin: 1', plain],
    ['a lone line feed', 'sesame\nx', plain],
    ['a NUL', 'ses\0ame', { in: 'env', name: 'API_KEY' } as const],
    ['text beyond ASCII in a header', 'sésame', plain],
    ['a leading space in a header', ' sesame', plain],
    ['basic without a colon', 'sesame', { ...plain, scheme: 'basic' } as const],
    ['a framing header', 'sesame', { ...plain, name: 'Transfer-Encoding' } as const],
    ['a host header', 'sesame', { ...plain, name: 'HOST' } as const],
    ['a header name with a space', 'sesame', { ...plain, name: 'x api' } as const],
    ['a query name with an ampersand', 'sesame', { in: 'query', name: 'a&b' } as const],
    ['a variable that makes a child load code', 'sesame', { in: 'env', name: 'NODE_OPTIONS' } as const],
    ['another of those', 'sesame', { in: 'env', name: 'ld_preload' } as const],
  ])('%s', (_, text, placement) => {
    const act = () => checkCredential(Buffer.from(text), placement);
    expect(act).toThrow(expect.objectContaining({ code: 'credential_invalid' }));
    expect(act).not.toThrow(/sesame/);
  });

  it('bytes that are not text', () => {
    expect(() => checkCredential(Buffer.from([0xff, 0xfe]), plain)).toThrow(
      expect.objectContaining({ code: 'credential_invalid' }),
    );
  });
});
