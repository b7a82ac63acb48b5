import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spliceName } from './splice-name.ts';

const spliced = (body: string, name: string): string | undefined => {
  const bytes = spliceName(Buffer.from(body), name);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
};

test('only the name changes: blanks, escapes and numbers beyond 2^53 stay as they came', () => {
  expect(
    spliced(
      ' {"name":"x", "id":12345678901234567890,\n"params" : {"a":{"name":"no"},"n\\u0061me" :\t"u__t","z":1.0,"e":"\\u00e9"}}',
      'ö"t',
    ),
  ).toBe(
    ' {"name":"x", "id":12345678901234567890,\n"params" : {"a":{"name":"no"},"n\\u0061me" :\t"ö\\"t","z":1.0,"e":"\\u00e9"}}',
  );
});

test('a body without a name that is text stays alone', () => {
  for (const body of [
    '{}',
    '{"params":[]}',
    '{"params":{"name":7}}',
    '{"params":{"x":{"name":"a"}}}',
    '{"x":"params","name":"a"}',
    '{"params":{"x":"name"},"y":{"name":"b"}}',
  ])
    expect(spliced(body, 'other')).toBeUndefined();
});

test('it is the message with the other name, whatever else is in it', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.string({ unit: 'grapheme' }),
      (more, args, name) => {
        const { params: _, ...rest } = more;
        const { name: __, ...others } = args;
        const message = { ...rest, params: { ...others, name: 'u__old' } };
        const result = spliced(JSON.stringify(message), name);
        expect(JSON.parse(result ?? 'null')).toEqual(
          JSON.parse(JSON.stringify({ ...rest, params: { ...others, name } })),
        );
      },
    ),
  );
});
