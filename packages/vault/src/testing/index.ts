// What tests of other packages may use: contract kits, and stand-ins that keep the promises they stand in for.
export { oneKeySealer } from './one-key-sealer.ts';
export type { OpenedRecords, OpenRecords, RecordsCase } from '../store/contract/records-case.ts';
export type { OpenedTables, OpenTables, TablesCase } from '../store/contract/tables-case.ts';
export { recordsContract } from '../store/records-contract.ts';
export { tablesContract } from '../store/tables-contract.ts';
export { keyProviderContract, type KeyProviderPromise } from '../keys/provider-contract.ts';
