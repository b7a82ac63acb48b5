import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { earlierTenantKey, openSecretColumns, rowKey, type TenantKeySource } from './tenant-rows.ts';

interface Frozen extends Required<Pick<TenantKeySource, 'salt' | 'saltForm'>> {
  readonly name: string;
  readonly rootKey?: string;
  readonly masterKey?: string;
  readonly key: string;
  readonly row: Readonly<Record<'ciphertext' | 'tag' | 'nonce', string>>;
  readonly apiKey: string;
}

const frozen = JSON.parse(
  readFileSync(new URL('vectors/tenant-rows.json', import.meta.url), 'utf8'),
) as readonly Frozen[];
const refused = (code: string) => expect.objectContaining({ code });
const asBytes = ({ ciphertext, tag, nonce }: Frozen['row']) => ({
  ciphertext: Buffer.from(ciphertext, 'base64'),
  tag: Buffer.from(tag, 'base64'),
  nonce: Buffer.from(nonce, 'base64'),
});

describe.each(frozen)('a frozen row under a key from $name', ({ key, row, apiKey, ...source }) => {
  test('has its key derived, and opens', () => {
    const derived = earlierTenantKey(source);
    expect(derived.toString('hex')).toBe(key);
    expect(openSecretColumns(row, derived).toString()).toBe(apiKey);
    expect(openSecretColumns(asBytes(row), derived).toString()).toBe(apiKey);
    const hex = Object.entries(asBytes(row)).map(([name, bytes]) => [name, bytes.toString('hex')]);
    const columns = Object.fromEntries(hex) as unknown as typeof row;
    expect(openSecretColumns(columns, derived, 'hex').toString()).toBe(apiKey);
  });

  test('does not open with any one bit of any column changed', () => {
    const columns = asBytes(row);
    const derived = earlierTenantKey(source);
    for (const name of ['ciphertext', 'tag', 'nonce'] as const)
      for (let bit = 0; bit < columns[name].length * 8; bit += 1) {
        const changed = Buffer.from(columns[name]);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => openSecretColumns({ ...columns, [name]: changed }, derived)).toThrow(
          refused('open_failed'),
        );
      }
  });

  test('does not open under the key of another tenant, or of the other reading of its salt', () => {
    const others: TenantKeySource[] = [
      { ...source, salt: randomBytes(32).toString('hex') },
      { ...source, saltForm: source.saltForm === 'text' ? 'bytes' : 'text' },
      { rootKey: randomBytes(32).toString('base64'), salt: source.salt, saltForm: source.saltForm },
    ];
    for (const other of others)
      expect(() => openSecretColumns(row, earlierTenantKey(other))).toThrow(refused('open_failed'));
  });

  test('does not open with a column that is cut, missing, in another encoding or of another row', () => {
    const derived = earlierTenantKey(source);
    const other = frozen.find((each) => each.key !== key)!;
    for (const name of ['ciphertext', 'tag', 'nonce'] as const)
      for (const value of ['', undefined, null, 7, `${row[name]}!`, row[name].slice(0, 4), other.row[name]])
        expect(() => openSecretColumns({ ...row, [name]: value as string }, derived)).toThrow(
          refused('open_failed'),
        );
    expect(() => openSecretColumns(row, derived, 'hex')).toThrow(refused('open_failed'));
  });
});

test.each<[string, TenantKeySource, string]>([
  ['a short root key', { rootKey: randomBytes(31).toString('base64'), salt: 'a'.repeat(64) }, 'key_weak'],
  ['a root key of zeros', { rootKey: Buffer.alloc(32).toString('base64'), salt: 'a'.repeat(64) }, 'key_weak'],
  ['a short master key', { masterKey: 'short', salt: 'a'.repeat(64) }, 'key_weak'],
  ['a master key of one letter', { masterKey: 'a'.repeat(64), salt: 'a'.repeat(64) }, 'key_weak'],
  ['no key', { salt: 'a'.repeat(64) }, 'key_unavailable'],
  [
    'two keys',
    { rootKey: randomBytes(32).toString('base64'), masterKey: 'b', salt: 'a'.repeat(64) },
    'key_unavailable',
  ],
  ['a short salt', { rootKey: randomBytes(32).toString('base64'), salt: 'a'.repeat(62) }, 'item_invalid'],
  [
    'a salt in capitals',
    { rootKey: randomBytes(32).toString('base64'), salt: 'A'.repeat(64) },
    'item_invalid',
  ],
])('%s is refused', (_, source, code) => {
  expect(() => earlierTenantKey(source)).toThrow(refused(code));
});

test('the one key of rows is read in every usual form, and refused when it is none', () => {
  const key = randomBytes(32);
  for (const form of ['base64', 'base64url', 'hex'] as const)
    expect(rowKey(key.toString(form), 'a key')).toEqual(key);
  for (const text of ['', 'x', randomBytes(31).toString('base64'), Buffer.alloc(32).toString('hex')])
    expect(() => rowKey(text, 'a key')).toThrow(refused('key_weak'));
});
