import type { Bench } from './bars.ts';

// A drawing of bars without a library: each measured value beside its aim, on a scale of its own, since units differ.

const width = 920;
const rowHeight = 34;
const left = 390;
const room = 260;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** An SVG with one row a bar; the tick on each row is its aim. */
export function chartOf({ bench, bars }: Bench): string {
  const height = 52 + bars.length * rowHeight;
  const rows = bars.map((bar, index) => {
    const aim = Number(/-?[\d.]+/.exec(bar.aim)?.[0] ?? 0);
    const full = Math.max(Math.abs(bar.value), Math.abs(aim), Number.MIN_VALUE) * 1.05;
    const reach = Math.max(1, (Math.abs(bar.value) / full) * room);
    const tick = left + (Math.abs(aim) / full) * room;
    const y = 46 + index * rowHeight;
    return [
      `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${escaped(bar.name)}</text>`,
      `<rect x="${left}" y="${y}" width="${reach.toFixed(1)}" height="20" rx="3" fill="${bar.ok ? '#2f7d5b' : '#b5442e'}"/>`,
      `<line x1="${tick.toFixed(1)}" x2="${tick.toFixed(1)}" y1="${y - 4}" y2="${y + 24}" stroke="#1d2733" stroke-width="2"/>`,
      `<text x="${left + room + 14}" y="${y + 15}">${bar.value} ${escaped(bar.unit)} (${escaped(bar.aim)})</text>`,
    ].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13" fill="#1d2733">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="16" y="26" font-size="16" font-weight="600">${escaped(bench)}: measured, and the aim as a tick</text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}
