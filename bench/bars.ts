/** One aim and what was measured. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** As people read it, such as `≥ 0.75`. */
  readonly aim: string;
  readonly ok: boolean;
}

/** What one benchmark found. */
export interface Bench {
  readonly bench: string;
  readonly bars: readonly Bar[];
}

/** A bar that wants at least `floor`. */
export function atLeast(name: string, value: number, unit: string, floor: number): Bar {
  return { name, value: rounded(value), unit, aim: `≥ ${floor}`, ok: value >= floor };
}

/** A bar that wants at most `ceiling`. */
export function atMost(name: string, value: number, unit: string, ceiling: number): Bar {
  return { name, value: rounded(value), unit, aim: `≤ ${ceiling}`, ok: value <= ceiling };
}

/** Middle value; of an even number the mean of the two in the middle. `NaN` of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? Number.NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** The smallest value that `share` of all values do not pass (nearest rank). `NaN` of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Three significant digits for small values, whole numbers for large ones. */
export function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
