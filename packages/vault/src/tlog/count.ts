/** Whether a value counts leaves: sizes and indexes pass 2^32, and end with what a number holds exactly. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
