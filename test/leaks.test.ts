import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { leaksIn, leaksUnder } from './leaks.ts';

describe('the search for leaked secrets', () => {
  const secret = 'k3y/with+some=odd&chars"';
  const written: [string, string][] = [
    ['raw', `x${secret}y`],
    ['json', JSON.stringify({ a: secret })],
    ['hex', Buffer.from(`z${secret}`).toString('hex')],
    ['percent', `?key=${encodeURIComponent(secret)}`],
    ['base64', Buffer.from(secret).toString('base64')],
    ['base64', Buffer.from(`user:${secret}`).toString('base64')],
    ['base64', Buffer.from(`1user:${secret}22`).toString('base64')],
    ['base64url', Buffer.from(`12user:${secret}`).toString('base64url')],
  ];

  it.each(written)('finds it as %s in %j', (form, text) => {
    expect(leaksIn('here', Buffer.from(text), ['other-secret', secret])).toContain(
      `secret 1 as ${form} in here`,
    );
  });

  it.each([
    ['little', Buffer.from(`a${secret}`, 'utf16le')],
    ['big', Buffer.from(`a${secret}`, 'utf16le').swap16()],
  ])('finds it in UTF-16, %s end first', (_, bytes) => {
    expect(leaksIn('here', bytes, [secret])).toEqual(['secret 0 as utf-16 in here']);
  });

  it('finds nothing where nothing is', () => {
    expect(leaksIn('here', Buffer.from('k3y with some odd chars'), [secret])).toEqual([]);
  });

  it('looks into every file of a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sealgate-leaks-'));
    await writeFile(
      join(folder, 'a.db'),
      Buffer.concat([Buffer.alloc(5000), Buffer.from(secret), Buffer.alloc(10)]),
    );
    await writeFile(join(folder, 'b.db'), 'nothing');
    const found = await leaksUnder(folder, [secret]);
    expect(found).toEqual([`secret 0 as raw in ${join(folder, 'a.db')}`]);
    await rm(folder, { recursive: true });
  });
});
