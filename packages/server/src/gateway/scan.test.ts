import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from './fixtures/code-of.ts';
import { depthMax, refuseCaseVariants, scanBody } from './scan.ts';

const scan = (text: string) => scanBody(Buffer.from(text));

describe('a request body', () => {
  it('is read as JSON.parse reads it when no object repeats a key', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 8 })), (value) => {
        const text = JSON.stringify(value);
        expect(scan(text)).toEqual(JSON.parse(text));
        expect(scan(JSON.stringify(value, null, 2))).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['{"method":"a","method":"b"}', 'at the top'],
    ['{"method":"a","params":{"name":"a","name":"b"}}', 'in params'],
    ['{"params":{"_meta":{"progressToken":1,"progressToken":2}}}', 'in _meta'],
    ['{"params":{"arguments":{"x":1,"x":1}}}', 'in arguments, with equal values'],
    ['{"params":{"arguments":{"deep":[[{"x":1,"y":2,"x":3}]]}}}', 'in an object inside arrays'],
    ['{"params":{"name":"a","n\\u0061me":"b"}}', 'spelled with an escape'],
    ['{"params":{"\\u006e\\u0061\\u006d\\u0065":"a","name":"b"}}', 'spelled with escapes only'],
    ['{"a/b":1,"a\\/b":2}', 'spelled with an escaped slash'],
    ['{"":1,"":2}', 'that is empty'],
    ['{"__proto__":{"a":1},"__proto__":{"b":1}}', 'named __proto__'],
    ['{"a":{"x":{"y":1,"z":2}},"a":1}', 'over a nested object that is dropped'],
    ['{"a\\"":1,"a\\"":2}', 'with an escaped quote'],
    [`{"${'k'.repeat(5000)}":1,"${'k'.repeat(5000)}":2}`, 'of five thousand characters'],
  ])('is refused when a key comes twice: %s (%s)', (text) => {
    expect(codeOf(() => scan(text))).toBe('duplicate_key');
  });

  it('may hold colons, braces and quotes inside strings of any length', () => {
    const inside = ':{}[]"\\\\"'.repeat(300) + '\\';
    const value = {
      a: inside,
      b: { c: inside, d: [inside, 'x'.repeat(47), '"'.repeat(100), '\\'.repeat(99)] },
    };
    expect(scan(JSON.stringify(value))).toEqual(value);
  });

  it('with a __proto__ key is read as data and pollutes nothing', () => {
    const value = scan('{"__proto__":{"polluted":1}}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
  });

  it('may nest up to the limit and no deeper', () => {
    const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect(codeOf(() => scan(nested(depthMax)))).toBe('accepted');
    expect(codeOf(() => scan(nested(depthMax + 1)))).toBe('body_too_deep');
    expect(codeOf(() => scan('['.repeat(1_000_000)))).toBe('body_too_deep');
    expect(codeOf(() => scan('{"a":'.repeat(1_000_000)))).toBe('body_too_deep');
  });

  it.each([
    [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'a byte that is never UTF-8'],
    [Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d]), 'an overlong slash'],
    [Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]), 'a surrogate in UTF-8'],
    [Buffer.from('\uFEFF{}'), 'a byte order mark'],
    [Buffer.from('{"a":1}', 'utf16le'), 'UTF-16'],
    [Buffer.from(''), 'nothing'],
    [Buffer.from('{"a":1} {"b":2}'), 'two values'],
    [Buffer.from('{"a":1,}'), 'a trailing comma'],
    [Buffer.from("{'a':1}"), 'single quotes'],
    [Buffer.from('{"a":NaN}'), 'NaN'],
    [Buffer.from('{"a":"\n"}'), 'a raw newline in a string'],
    [Buffer.from('{"a":"unclosed'), 'an open string'],
    [Buffer.from('{"a":"\\'), 'an escape at the end'],
  ])('is refused when it is not JSON in UTF-8 (%#: %s)', (bytes) => {
    expect(codeOf(() => scanBody(bytes))).toBe('body_invalid');
  });

  it('is refused as a batch when it is an array, and as no message when it is a plain value', () => {
    expect(codeOf(() => scan('[{"jsonrpc":"2.0"}]'))).toBe('batch_unsupported');
    expect(codeOf(() => scan('[]'))).toBe('batch_unsupported');
    for (const text of ['1', '"a"', 'null', 'true']) expect(codeOf(() => scan(text))).toBe('message_invalid');
  });

  it('never says what it contained', () => {
    for (const text of ['{"secret-k":1,"secret-k":2}', '{"secret-k":', 'secret-k'])
      expect(() => scan(text)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('secret-k') as string }),
      );
  });
});

describe('a key that differs from a protocol name in case alone', () => {
  it.each(['Method', 'METHOD', 'PARAMS', 'Id', 'param\u017F', 'tas\u212AId', 'jsonRPC'])(
    'is refused: %s',
    (key) => {
      const names = ['jsonrpc', 'id', 'method', 'params', 'taskId'];
      expect(codeOf(() => refuseCaseVariants({ [key]: 1 }, names))).toBe('duplicate_key');
    },
  );

  it('is no other key', () => {
    expect(codeOf(() => refuseCaseVariants({ method: 1, methods: 2, extra: 3 }, ['method']))).toBe(
      'accepted',
    );
  });
});
