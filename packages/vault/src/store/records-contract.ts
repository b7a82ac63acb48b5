import { recordEndCases } from './contract/record-ends.ts';
import { recordNameCases } from './contract/record-names.ts';
import type { RecordsCase } from './contract/records-case.ts';
import { recordRaceCases } from './contract/record-races.ts';

/** Every promise of `Records`, for any test runner: run each case with a function that opens an empty adapter. */
export const recordsContract: readonly RecordsCase[] = [
  ...recordRaceCases,
  ...recordEndCases,
  ...recordNameCases,
];
