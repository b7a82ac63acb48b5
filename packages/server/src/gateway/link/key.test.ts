import { describe, expect, test } from 'vitest';
import type { Upstream } from '../../domain/upstream.ts';
import { http, tiny } from './fixtures/upstreams.ts';
import { shareOf, type Belonging } from './key.ts';

// The rule of sharing, in every combination of what decides it.

const envCredential = { in: 'env', name: 'KEY' } as const;
const headerCredential = { in: 'header', name: 'authorization', scheme: 'bearer' } as const;
const child = tiny();
const childWithKey = tiny('tiny', { credential: envCredential });
const web = http('https://web.example/mcp');
const webWithKey = http('https://web.example/mcp', 'web', { credential: headerCredential });

const base: Belonging = {
  tenant: 'g1',
  subject: 'ann',
  upstream: child,
  holder: 'h1',
  alone: false,
  capabilities: {},
  era: 'legacy',
  connection: undefined,
};
const share = (change: Partial<Belonging>) => shareOf({ ...base, ...change });
const key = (change: Partial<Belonging>): string => share(change).key;
const connection = { connectionId: 'c1', epoch: 1 };

interface Row {
  readonly upstream: 'child' | 'web';
  readonly credential: boolean;
  readonly asks: boolean;
  readonly alone: boolean;
}

const upstreamOf = ({ upstream, credential }: Row): Upstream => {
  if (upstream === 'child') return credential ? childWithKey : child;
  return credential ? webWithKey : web;
};
const flags = [false, true];
const rows: readonly Row[] = (['child', 'web'] as const).flatMap((upstream) =>
  flags.flatMap((credential) =>
    flags.flatMap((asks) => flags.map((alone) => ({ upstream, credential, asks, alone }))),
  ),
);

const described = (row: Row): Partial<Belonging> => ({
  upstream: upstreamOf(row),
  alone: row.alone,
  capabilities: row.asks ? { sampling: {} } : {},
  connection: row.credential && row.upstream === 'child' ? connection : undefined,
});

describe.each(rows)('a $upstream with credential: $credential, asks: $asks, alone: $alone', (row) => {
  const own = row.credential || row.asks || row.alone;

  test(`belongs to ${own ? 'one conversation' : row.upstream === 'web' ? 'one person' : 'the group'}`, () => {
    const first = share(described(row));
    expect(first.subject).toBe(own || row.upstream === 'web' ? 'ann' : undefined);
    expect(first.holder).toBe(own ? 'h1' : undefined);
    expect(key({ ...described(row), holder: 'h2' }) === first.key).toBe(!own);
    expect(key({ ...described(row), subject: 'bob' }) === first.key).toBe(!own && row.upstream === 'child');
  });

  test('is the same for the same conversation, and another for another group, era or upstream', () => {
    const first = key(described(row));
    expect(key({ ...described(row) })).toBe(first);
    expect(key({ ...described(row), tenant: 'g2' })).not.toBe(first);
    expect(key({ ...described(row), era: 'modern' })).not.toBe(first);
    expect(key({ ...described(row), upstream: { ...upstreamOf(row), name: 'other' } })).not.toBe(first);
  });

  test('belongs to no other person, whatever their holder is called', () => {
    if (!own) return;
    expect(key({ ...described(row), subject: 'bob' })).not.toBe(key(described(row)));
  });
});

test('a conversation without a holder shares with the same person only', () => {
  const of = { upstream: childWithKey, connection, holder: undefined };
  expect(share(of)).toMatchObject({ subject: 'ann', holder: undefined });
  expect(key(of)).not.toBe(key({ ...of, subject: 'bob' }));
  expect(key(of)).not.toBe(key({ ...of, holder: 'h1' }));
});

test('a child holds one credential as it was at one time', () => {
  const of = { upstream: childWithKey, connection };
  expect(key(of)).not.toBe(key({ ...of, connection: { ...connection, epoch: 2 } }));
  expect(key(of)).not.toBe(key({ ...of, connection: { ...connection, connectionId: 'c2' } }));
  expect(key(of)).not.toBe(key({ ...of, connection: undefined }));
});

test('a credential that is lent to an upstream which describes none makes the child one conversation’s', () => {
  expect(share({ connection })).toMatchObject({ subject: 'ann', holder: 'h1' });
});

test('what is declared is part of a link of one’s own', () => {
  const of = { capabilities: { sampling: {} } };
  expect(key(of)).not.toBe(key({ capabilities: { sampling: {}, roots: {} } }));
});

test('another command, setting, directory or address is another link', () => {
  const changes: readonly Upstream[] = [
    { ...child, command: '/bin/other' },
    { ...child, args: ['--other'] },
    { ...child, env: { A: 'b' } },
    { ...child, cwd: '/tmp' },
    { ...web, name: 'tiny' },
    { ...web, name: 'tiny', url: 'https://web.example/other' },
  ];
  const keys = [child, ...changes].map((upstream) => key({ upstream }));
  expect(new Set(keys).size).toBe(keys.length);
});

test('no name can be made up that runs into its neighbours', () => {
  expect(key({ upstream: web, tenant: 'g1","web', subject: 'a' })).not.toBe(
    key({ upstream: web, subject: 'a' }),
  );
  expect(key({ upstream: childWithKey, connection, subject: 'ann","h1' })).not.toBe(
    key({ upstream: childWithKey, connection }),
  );
});
