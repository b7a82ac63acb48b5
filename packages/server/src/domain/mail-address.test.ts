import { expect, test } from 'vitest';
import { normalAddress } from './mail-address.ts';

test.each([
  [' Ada.Lovelace+x@Example.COM\n', 'ada.lovelace+x@example.com'],
  ['ada@BÜCHER.example', 'ada@xn--bcher-kva.example'],
  ['ada@localhost', 'ada@localhost'],
  ["o'neil@example.com", "o'neil@example.com"],
])('%o is the address %s', (given, normal) => {
  expect(normalAddress(given)).toBe(normal);
});

test.each([
  '',
  '@',
  'ada',
  'ada@',
  '@example.com',
  'a@b@c.example',
  '.ada@example.com',
  'ada.@example.com',
  'a..b@example.com',
  'ada@-example.com',
  'ada@example..com',
  'ada@example.com/x',
  'ada@exam%70le.com',
  'ada@[::1]',
  'ada@example.com:25',
  'a da@example.com',
  '"ada"@example.com',
  'ada@example.com\r\nBcc: b@example.com',
  'ada\u202E@example.com',
  'ädä@example.com',
  `ada@${'a'.repeat(64)}.com`,
  `ada@${'abc.'.repeat(70)}com`,
])('%o is no address', (given) => {
  expect(normalAddress(given)).toBeUndefined();
});

test('the normal form of a normal form is itself', () => {
  for (const given of ['Ada@Example.com', 'ada@BÜCHER.example'])
    expect(normalAddress(normalAddress(given) ?? '')).toBe(normalAddress(given));
});
