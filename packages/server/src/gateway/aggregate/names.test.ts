import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { publicName, upstreamOfName } from './names.ts';

const upstream = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/);
const toolName = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 120 }),
  fc.stringMatching(/^[A-Za-z0-9_./-]{1,128}$/),
  fc.stringMatching(/^[a-z]{0,4}_[0-9a-f]{16}$/),
);

describe('a public name', () => {
  test('is the upstream and the name when that fits', () => {
    expect(publicName('github', 'issues/create_issue')).toBe('github__issues/create_issue');
  });

  test('has at most 64 of the allowed characters, whatever the upstream calls its tools', () => {
    fc.assert(
      fc.property(upstream, toolName, (from, name) => {
        expect(publicName(from, name)).toMatch(/^[A-Za-z0-9_./-]{1,64}$/);
      }),
    );
  });

  test('is the same for ever', () => {
    expect(publicName('github', 'x'.repeat(80))).toBe(`github__${'x'.repeat(39)}_1dab6f019f4959ed`);
    expect(publicName('a', 'größe in cm')).toBe('a__gr-e-in-cm_ebc280ee3660c213');
  });

  test('says which upstream it is of', () => {
    fc.assert(
      fc.property(upstream, toolName, (from, name) => {
        expect(upstreamOfName(publicName(from, name))).toBe(from);
      }),
    );
  });

  test('is one tool and no other, also when an upstream calls a tool what another is shortened to', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(upstream, toolName), { minLength: 2, maxLength: 60, selector: String }),
        (tools) => {
          const shortened = tools.map(
            ([from, name]) => [from, publicName(from, name).slice(from.length + 2)] as const,
          );
          const all = new Map([...tools, ...shortened].map((tool) => [JSON.stringify(tool), tool]));
          const names = [...all.values()].map(([from, name]) => publicName(from, name));
          expect(new Set(names).size).toBe(all.size);
        },
      ),
    );
    const many = Array.from({ length: 50_000 }, (_, at) => publicName('u', `${'long'.repeat(20)}${at}`));
    expect(new Set(many).size).toBe(50_000);
  });

  test('of no upstream is none', () => {
    expect(['stores.list', '__x', '', 'a_b'].map(upstreamOfName)).toEqual(Array(4).fill(undefined));
  });
});
