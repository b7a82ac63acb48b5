import type { JournalCase } from './journal-case.ts';
import { journalFaults } from './journal-faults.ts';
import { journalOrder } from './journal-order.ts';
import { journalTrim } from './journal-trim.ts';

/** What every audit journal promises, wherever it lies. */
export const journalContract: readonly JournalCase[] = [...journalOrder, ...journalFaults, ...journalTrim];
