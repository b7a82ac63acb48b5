import { describe, expect, it } from 'vitest';
import { atLeast, atMost, median, percentile, rounded } from './bars.ts';
import { chartOf } from './chart.ts';

describe('figures', () => {
  it('take the middle and the nearest rank, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
    const hundred = Array.from({ length: 100 }, (_value, index) => 100 - index);
    expect([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([7], 0.99)]).toEqual([50, 99, 7]);
    expect([rounded(0.123456), rounded(12.3456), rounded(1234.56)]).toEqual([0.123, 12.3, 1235]);
  });

  it('meet an aim on its edge, miss it beyond, and a figure that is none meets nothing', () => {
    expect(atLeast('a', 0.75, '×', 0.75)).toEqual({
      name: 'a',
      value: 0.75,
      unit: '×',
      aim: '≥ 0.75',
      ok: true,
    });
    expect(atLeast('a', 0.7499, '×', 0.75).ok).toBe(false);
    expect(atMost('a', 10.01, 'ms', 10).ok).toBe(false);
    expect([atLeast('a', Number.NaN, '', 0).ok, atMost('a', Number.NaN, '', 0).ok]).toEqual([false, false]);
  });
});

describe('the chart', () => {
  it('draws one row a bar and escapes what people wrote', () => {
    const svg = chartOf({ bench: 'a<b', bars: [atLeast('x & y', 2, '×', 1), atMost('none', 0, '', 0)] });
    expect(svg.match(/<rect [^>]*rx=/g)).toHaveLength(2);
    expect(svg).toContain('a&lt;b');
    expect(svg).toContain('x &amp; y');
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
});
