import { expect, it } from 'vitest';
import { refuseOlder } from './revision-floor.ts';

const nothing = new Uint8Array();
const initialize = (protocolVersion: unknown) => ({
  fields: new Map<string, string>(),
  body: Buffer.from(JSON.stringify({ params: { protocolVersion } })),
});
const header = (version?: string) => ({
  fields: new Map(version === undefined ? [] : [['mcp-protocol-version', version]]),
  body: nothing,
});
const hello = { era: 'legacy', method: 'initialize' } as const;
const call = { era: 'legacy', method: 'tools/call' } as const;

it.each([
  ['an older initialize', hello, initialize('2025-03-26'), '2025-06-18'],
  ['an initialize without a revision', hello, initialize(undefined), '2025-06-18'],
  ['a request that names none', call, header(), '2025-06-18'],
  ['an older request', call, header('2025-06-18'), '2025-11-25'],
  ['any initialize where sessions are over', hello, initialize('2025-11-25'), '2026-07-28'],
  ['any request of a session there', call, header('2025-11-25'), '2026-07-28'],
] as const)('%s is below the floor', (_, what, said, floor) => {
  expect(() => refuseOlder(what, said, floor)).toThrow(
    expect.objectContaining({ code: 'version_unsupported' }),
  );
});

it.each([
  ['the floor itself', hello, initialize('2025-06-18'), '2025-06-18'],
  ['a newer one', call, header('2025-11-25'), '2025-06-18'],
  ['everything, while all are spoken', call, header(), '2025-03-26'],
  ['a stateless request', { era: 'modern', method: 'tools/call' } as const, header(), '2026-07-28'],
] as const)('%s is not', (_, what, said, floor) => {
  expect(() => refuseOlder(what, said, floor)).not.toThrow();
});
