import fc from 'fast-check';
import assert from 'node:assert/strict';
import { test } from 'vitest';
import { canonicalText } from '../../keys/shred/shredding-receipt.ts';
import { logKeys } from './log-keys.ts';
import { paramsBytesMax, redactionOf, untaggedText } from './redaction.ts';

const { tag } = logKeys(Buffer.alloc(32, 7));
const redact = redactionOf({
  version: 1,
  fields: { limit: 'clear', note: 'drop', filter: 'clear', email: 'hmac' },
});
const redacted = (params: unknown) => JSON.parse(redact(params, tag)!) as unknown;
const hmac = (value: unknown) => `hmac:${tag('param', JSON.stringify(value))}`;

test('every scalar is tagged unless its field is clear, and names are kept', () => {
  assert.deepEqual(redacted({ q: 'shoes', n: 1, on: true, none: null, limit: 10, list: ['a', 2] }), {
    q: hmac('shoes'),
    n: hmac(1),
    on: hmac(true),
    none: hmac(null),
    limit: 10,
    list: [hmac('a'), hmac(2)],
  });
});

test('equal values have equal tags, and a number is not its text', () => {
  const { a, b, c } = redacted({ a: 'x1', b: 'x1', c: 1 }) as Record<string, string>;
  assert.equal(a, b);
  assert.notEqual(c, hmac('1'));
});

test('a rule holds below its field, and a nearer one before it', () => {
  assert.deepEqual(redacted({ filter: { state: 'open', email: 'ann@example.com', note: 'x' }, note: 1 }), {
    filter: { state: 'open', email: hmac('ann@example.com') },
  });
});

test.each([
  'Bearer abcdefgh12345678',
  'eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.x',
  'ghp_abcdefghijklmnopqrst',
  'postgres://u:secret@db/x',
  '-----BEGIN PRIVATE KEY-----',
])('%s is tagged even in a clear field', (secret) => {
  assert.deepEqual(redacted({ limit: secret }), { limit: hmac(secret) });
});

test('a long text is tagged even in a clear field', () => {
  assert.deepEqual(redacted({ limit: 'a'.repeat(3000) }), { limit: hmac('a'.repeat(3000)) });
});

test('what stands in the place of a name and is none is tagged', () => {
  const text = redact({ 'ann@example.com': 1, ['x'.repeat(200)]: 2, ghp_abcdefghijklmnopqrst: 3 }, tag)!;
  for (const name of ['ann@example.com', 'x'.repeat(100), 'ghp_abcdefghijklmnopqrst'])
    assert.ok(!text.includes(name));
});

test('what is over 4 KiB is a keyed digest', () => {
  const params = { list: Array.from({ length: 2000 }, (_, n) => n) };
  const text = redact(params, tag)!;
  const whole = JSON.stringify(params);
  assert.deepEqual(JSON.parse(text), { bytes: whole.length, digest: tag('params', whole), truncated: true });
});

test('so much that cannot fit is not even looked at', () => {
  let tags = 0;
  const counting = (purpose: string, text: string) => ((tags += 1), tag(purpose, text));
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`${n}@example.com`, n]));
  for (const params of [many, { list: Array.from({ length: 20_000 }, () => 0) }, [many, many]]) {
    tags = 0;
    assert.match(redact(params, counting)!, /"truncated":true/);
    assert.ok(tags < 10, `${tags} tags`);
  }
});

test('a smaller bound is kept, too', () => {
  const params = { a: 'one', b: 'two', c: 'three' };
  assert.equal(redact(params, tag, 200), redact(params, tag));
  assert.match(redact(params, tag, 99)!, /^\{"bytes":33,"digest":"[\w-]{22}","truncated":true\}$/);
});

test('without a key nothing is kept but a length', () => {
  assert.equal(untaggedText({ q: 'shoes' }), '{"bytes":13,"truncated":true}');
  assert.equal(untaggedText(undefined), undefined);
});

test.each(['password', 'db_password', 'apiKey', 'API-Key', 'x-auth', 'accessToken', 'PIN', 'client secret'])(
  'what lies under the name %s is tagged though a clear field is around it',
  (name) => {
    assert.deepEqual(redacted({ filter: { [name]: 'x1', author: 'ann', tokenizer: 'a' } }), {
      filter: { [name]: hmac('x1'), author: 'ann', tokenizer: 'a' },
    });
  },
);

test.each([
  'https://x.example/list?page=2&key=a1b2c3d4',
  'https://x.example/?api_key=a1b2c3d4',
  'https://b.s3.example/o?X-Amz-Signature=00ff00ff',
  'https://x.example/cb?state=1&code=a1b2c3d4',
  'curl -d password=hunter22',
  '{"client_secret": "a1b2c3d4"}',
  'password: hunter22',
])('%s is tagged even in a clear field', (said) => {
  assert.deepEqual(redacted({ limit: said }), { limit: hmac(said) });
});

test.each(['https://x.example/list?page=2&sort=price', 'keys: none', 'monkey=banana', 'status code: 4040'])(
  '%s is kept in a clear field',
  (said) => assert.deepEqual(redacted({ limit: said }), { limit: said }),
);

test('a clear value cannot look like a tag', () => {
  assert.deepEqual(redacted({ limit: 'hmac:AAAAAAAAAAAAAAAAAAAAAA' }), {
    limit: hmac('hmac:AAAAAAAAAAAAAAAAAAAAAA'),
  });
});

test.each([
  'q',
  'userId',
  'created_after',
  'isXYAxisOn',
  'filter[state]',
  '$select',
  'maximumNumberOfResults',
])('the name %s is kept', (name) => assert.deepEqual(redacted({ [name]: 1 }), { [name]: hmac(1) }));

test.each([
  '12',
  '9007199254740993',
  'ann@example.com',
  'hmac:x',
  'name with ünicode',
  'dGhpcyBpc1BhIHNlY3JldC0x',
  '3f2a9c41d0b84e6f9a17c2d5',
  'c41d0b84e6f9a17c2d53f2a9',
  'cus_NffrFeUfNV2Hib4J',
])('%s is tagged in the place of a name', (name) => {
  assert.deepEqual(redacted({ [name]: 1 }), { [hmac(name)]: hmac(1) });
});

test('deep parameters end in a tag', () => {
  let deep: unknown = 'bottom-of-it-all';
  for (let depth = 0; depth < 40; depth += 1) deep = { limit: deep };
  assert.ok(!redact(deep, tag)!.includes('bottom-of-it-all'));
});

test('parameters that are no JSON are left out', () => {
  const round: Record<string, unknown> = {};
  round['round'] = round;
  assert.equal(redact(undefined, tag), undefined);
  assert.equal(redact(round, tag), undefined);
});

test('whatever the parameters are, the text is canonical, bounded, and holds no value of theirs', () => {
  const value = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small' },
      fc.string({ minLength: 12, unit: 'grapheme' }).map((text) => `§value§${text}`),
      fc.array(tie('node')),
      fc.dictionary(fc.string({ maxLength: 9 }), tie('node')),
    ),
  })).node;
  fc.assert(
    fc.property(value, (params) => {
      const text = redact(params, tag)!;
      assert.ok(Buffer.byteLength(text) <= paramsBytesMax);
      assert.ok(!text.includes('§value§'));
      assert.equal(canonicalText(JSON.parse(text)), text);
    }),
  );
});
