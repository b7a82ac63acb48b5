import { expect, it } from 'vitest';
import { openGuard } from './guard.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'passed';
};
const guard = openGuard({ port: 3000, frontendUrl: 'https://gate.example.com' });
const local = ['Host', 'localhost:3000'];

it.each([
  'localhost:3000',
  '127.0.0.1:3000',
  '[::1]:3000',
  'LOCALHOST:3000',
  'gate.example.com',
  'gate.example.com:443',
])('answers to its own name: %s', (host) => expect(codeOf(() => guard(['Host', host]))).toBe('passed'));

it.each([
  'evil.example',
  'localhost',
  'localhost:3001',
  'localhost.evil.example:3000',
  'gate.example.com:8443',
  '127.0.0.1:3000@evil',
  '',
  '0.0.0.0:3000',
  '[::]:3000',
  'localhost:3000, evil',
])('answers to no other name, as after DNS rebinding: %s', (host) =>
  expect(codeOf(() => guard(['Host', host]))).toBe('host_forbidden'),
);

it('refuses a request with no Host or with two, though they agree', () => {
  expect(codeOf(() => guard([]))).toBe('host_forbidden');
  expect(codeOf(() => guard([...local, 'host', 'localhost:3000']))).toBe('host_forbidden');
});

it.each(['http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000', 'https://gate.example.com'])(
  'takes requests of its own pages: %s',
  (origin) => expect(codeOf(() => guard([...local, 'Origin', origin]))).toBe('passed'),
);

it.each([
  'https://evil.example',
  'null',
  '',
  'http://localhost',
  'http://localhost:5173',
  'https://localhost:3000',
  'http://gate.example.com',
  'https://gate.example.com.evil.example',
  'https://gate.example.com/',
  'file://',
])('takes none of a page of another origin: %s', (origin) =>
  expect(codeOf(() => guard([...local, 'Origin', origin]))).toBe('origin_forbidden'),
);

it('takes no second Origin beside a good one', () => {
  expect(
    codeOf(() => guard([...local, 'Origin', 'http://localhost:3000', 'origin', 'https://evil.example'])),
  ).toBe('origin_forbidden');
});

it('on the default port needs no port in the name', () => {
  const plain = openGuard({ port: 80, frontendUrl: undefined });
  expect(codeOf(() => plain(['Host', 'localhost', 'Origin', 'http://localhost']))).toBe('passed');
  expect(codeOf(() => plain(['Host', 'localhost:80']))).toBe('passed');
});
