import type { SortRange } from './tables.ts';
import { behindPrefix, compareSort } from './text-order.ts';

/** One end of a range. */
export interface Bound {
  readonly value: string | number;
  readonly inclusive: boolean;
}

/** Both ends of a range; `undefined`: open. */
export interface Bounds {
  readonly lower: Bound | undefined;
  readonly upper: Bound | undefined;
}

/** A range as two ends, with a prefix as the stretch from itself to the first text behind it. */
export function boundsOf(range: SortRange | undefined): Bounds {
  if (range === undefined) return { lower: undefined, upper: undefined };
  if ('before' in range) return { lower: undefined, upper: { value: range.before, inclusive: false } };
  if ('after' in range) return { lower: { value: range.after, inclusive: false }, upper: undefined };
  if ('between' in range)
    return {
      lower: { value: range.between[0], inclusive: true },
      upper: { value: range.between[1], inclusive: true },
    };
  const behind = behindPrefix(range.beginsWith);
  return {
    lower: { value: range.beginsWith, inclusive: true },
    upper: behind === undefined ? undefined : { value: behind, inclusive: false },
  };
}

/** Whether the value lies between both ends. */
export function within({ lower, upper }: Bounds, value: string | number): boolean {
  return (
    (lower === undefined || compareSort(value, lower.value) >= (lower.inclusive ? 0 : 1)) &&
    (upper === undefined || compareSort(value, upper.value) <= (upper.inclusive ? 0 : -1))
  );
}
