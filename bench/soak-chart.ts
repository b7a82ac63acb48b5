import type { Sample } from './soak-watch.ts';

// Curves without a library: one strip a figure, each on a scale of its own that starts at zero.

const width = 920;
const left = 150;
const stripHeight = 92;
const strips: readonly (readonly [figure: keyof Sample, label: string, unit: number, suffix: string])[] = [
  ['rssBytes', 'resident memory', 1024 * 1024, 'MiB'],
  ['heapBytes', 'heap', 1024 * 1024, 'MiB'],
  ['processes', 'child processes', 1, ''],
  ['openFiles', 'open files', 1, ''],
  ['sessions', 'sessions', 1, ''],
  ['visits', 'visits', 1, ''],
  ['errors', 'errors', 1, ''],
];

/** An SVG of the run. @param warmSeconds before it nothing was judged */
export function curvesOf(title: string, samples: readonly Sample[], warmSeconds: number): string {
  const endSeconds = Math.max(1, samples.at(-1)?.atSeconds ?? 1);
  const x = (atSeconds: number): number => left + (atSeconds / endSeconds) * (width - left - 110);
  const drawn = strips.map(([figure, label, unit, suffix], index) => {
    const top = 46 + index * stripHeight;
    const values = samples.map((sample) => sample[figure] / unit);
    const known = values.filter((value) => !Number.isNaN(value));
    const most = Math.max(1, ...known);
    const y = (value: number): number => top + 70 - (value / most) * 66;
    const points = samples
      .flatMap(({ atSeconds }, at) =>
        Number.isNaN(values[at]) ? [] : [`${x(atSeconds).toFixed(1)},${y(values[at] ?? 0).toFixed(1)}`],
      )
      .join(' ');
    const last = Math.round(known.at(-1) ?? Number.NaN);
    return [
      `<text x="${left - 10}" y="${top + 40}" text-anchor="end">${label}</text>`,
      `<line x1="${left}" x2="${x(endSeconds)}" y1="${top + 70}" y2="${top + 70}" stroke="#c8d0d8"/>`,
      `<polyline points="${points}" fill="none" stroke="#2f7d5b" stroke-width="1.6"/>`,
      `<text x="${x(endSeconds) + 10}" y="${top + 40}">${last} ${suffix} (top ${Math.round(most)})</text>`,
    ].join('\n');
  });
  const height = 60 + strips.length * stripHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#1d2733">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="16" y="26" font-size="15" font-weight="600">${title}</text>`,
    `<line x1="${x(warmSeconds)}" x2="${x(warmSeconds)}" y1="40" y2="${height - 16}" stroke="#b5442e" stroke-dasharray="4 4"/>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}
