import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { acts, type ActSpec } from '@sealgate/vault';
import { describe, expect, test } from 'vitest';

// The list of acts, the page that explains them and the code that writes them are held equal.

const root = fileURLToPath(new URL('..', import.meta.url));
const listed = Object.entries<ActSpec>(acts);
const sources = globSync('packages/{vault,server}/src/**/*.ts', { cwd: root })
  .toSorted()
  .filter((path) => !/\.test\.|\/fixtures\/|\/testing\/|audit\/acts\.ts|ocsf-classes\.ts/.test(path))
  .map((path) => [path, readFileSync(`${root}/${path}`, 'utf8')] as const);

const rows = readFileSync(`${root}/docs/audit.md`, 'utf8')
  .split('\n')
  .filter((line) => /^\| `[a-z]+\.[a-z_]+` /.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('\\*', '*')),
  );

describe('docs/audit.md', () => {
  test('has every act once, in order, with its class and its object, and no other', () => {
    expect(rows.map(([act, cls, object]) => [act, cls, object])).toEqual(
      listed.map(([act, { cls, object }]) => [`\`${act}\``, `\`${cls}\``, object]),
    );
    expect(Object.keys(acts)).toEqual(Object.keys(acts).toSorted());
  });

  test('says of each when it is written', () => {
    for (const row of rows) {
      expect(row).toHaveLength(4);
      expect(row[3]).toMatch(/\w{4}/);
    }
  });
});

describe('the code', () => {
  // `key.disable`, `key.enable` and `key.revoke` are put together of two words.
  const written = (act: string): boolean =>
    sources.some(([, text]) => text.includes(`'${act}'`)) || /^key\.(disable|enable|revoke)$/.test(act);

  test('writes every act that is listed', () => {
    expect(listed.map(([act]) => act).filter((act) => !written(act))).toEqual([]);
  });

  test('writes none that is not: the places where acts stand are found, and read', () => {
    const places = /(?:\bact: |\bshort\(|\bmark\(|\blook\()'([^']*)'/g;
    const found = sources.flatMap(([path, text]) =>
      [...text.matchAll(places)].map(([, act = '']) => [path, act] as const),
    );
    expect(found.length).toBeGreaterThan(50);
    expect(
      found.filter(([, act]) => !Object.hasOwn(acts, act) && !['put', 'remove', 'check'].includes(act)),
    ).toEqual([]);
  });

  test('gives each entry the class that is listed: administration takes it from there, the rest is strict', () => {
    const others = sources.flatMap(([path, text]) =>
      [...text.matchAll(/\baudit\.record\((?!'strict')([^,]+),/g)].map(([, cls]) => `${path}: ${cls}`),
    );
    expect(others).toEqual([
      'packages/server/src/admin/recorded.ts: acts[change.act].cls',
      'packages/server/src/admin/recorded.ts: acts[change.act].cls',
      "packages/server/src/auth/sign-in.ts: 'group'",
      'packages/server/src/main/audit-notes.ts: acts[act].cls',
      // Hands on what it is given.
      'packages/server/src/main/paced-audit.ts: cls',
      'packages/vault/src/tokens/entries.ts: cls',
    ]);
    const notStrict = listed.filter(([, { cls }]) => cls !== 'strict').map(([act]) => act);
    expect(notStrict.filter((act) => !/^(?:audit|token)\./.test(act))).toEqual(['person.sign_out']);
  });
});
