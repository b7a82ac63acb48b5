import type { SessionStoreCase } from './contract/session-case.ts';
import { sessionEndCases } from './contract/session-ends.ts';
import { sessionListCases } from './contract/session-lists.ts';
import { sessionValueCases } from './contract/session-values.ts';

/** Every promise of a session store, for any test runner: run each case with a function that opens an empty store. */
export const sessionStoreContract: readonly SessionStoreCase[] = [
  ...sessionValueCases,
  ...sessionEndCases,
  ...sessionListCases,
];
