import { describe, expect, test } from 'vitest';
import { policyOf } from './audit-policy.ts';
import { parseServersFile } from './mcp-servers-file.ts';

const audit = {
  fields: { query: 'clear', note: 'drop' },
  tools: { search: { fields: { note: 'clear' } } },
} as const;

describe('the policy of a call', () => {
  test('is that of its tool over that of its upstream', () => {
    expect(policyOf(audit, 'other')?.fields).toEqual({ query: 'clear', note: 'drop' });
    expect(policyOf(audit, 'search')?.fields).toEqual({ query: 'clear', note: 'clear' });
    expect(policyOf(audit, undefined)?.fields).toEqual({ query: 'clear', note: 'drop' });
  });

  test('is the same object for the same call, whatever else callers name', () => {
    const own = policyOf(audit, 'search');
    expect(policyOf(audit, '__proto__')).toBe(policyOf(audit, 'constructor'));
    expect(policyOf(audit, 'search')).toBe(own);
  });

  test('has a number that says whether two are the same', () => {
    const turned = { fields: { note: 'drop', query: 'clear' } } as const;
    expect(policyOf(turned, 'x')?.version).toBe(policyOf(audit, 'x')?.version);
    expect(policyOf(audit, 'search')?.version).not.toBe(policyOf(audit, 'x')?.version);
    expect(policyOf({}, 'x')?.version).toBe(1);
  });

  test('keeps nothing in clear when nobody said so', () => {
    expect(policyOf(undefined, 'search')).toBeUndefined();
    expect(policyOf({}, 'search')?.fields).toEqual({});
  });
});

describe('a servers file', () => {
  const fileWith = (given: unknown): string =>
    JSON.stringify({ mcpServers: { docs: { url: 'https://docs.example/mcp', audit: given } } });

  test('says it of an upstream', () => {
    expect(parseServersFile(fileWith(audit), 'mcp.json').upstreams).toMatchObject([{ name: 'docs', audit }]);
  });

  test.each([{ fields: { query: 'plain' } }, { field: {} }, { tools: { search: { query: 'clear' } } }])(
    'is refused with %j',
    (given) => {
      expect(() => parseServersFile(fileWith(given), 'mcp.json')).toThrow(/mcp\.json is refused/);
    },
  );
});
