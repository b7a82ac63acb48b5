import { expiryCases } from './contract/expiry.ts';
import { guardCases } from './contract/guards.ts';
import { indexCases } from './contract/indexes.ts';
import { keyCases } from './contract/keys.ts';
import { pageCases } from './contract/pages.ts';
import { ruleCases } from './contract/rules.ts';
import type { TablesCase } from './contract/tables-case.ts';
import { transactionCases } from './contract/transactions.ts';

/** Every promise of `Tables`, for any test runner: run each case with a function that opens an empty adapter. */
export const tablesContract: readonly TablesCase[] = [
  ...guardCases,
  ...transactionCases,
  ...keyCases,
  ...indexCases,
  ...pageCases,
  ...expiryCases,
  ...ruleCases,
];
