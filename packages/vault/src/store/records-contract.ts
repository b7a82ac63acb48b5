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

const severalOwners = [
  'what is put is read back, byte for byte',
  'each of several owners finds the record until it goes',
  'values of 256 KiB with ten owners are kept, more is refused',
];

/** The promises of records in the table `sessions`, which have one owner at most. */
export const sessionRecordsContract: readonly RecordsCase[] = recordsContract.filter(
  ({ name }) => !severalOwners.includes(name),
);
