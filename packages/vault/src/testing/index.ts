// What tests of other packages may use: contract kits, and stand-ins that keep the promises they stand in for.
export {
  openFaultProxy,
  type Fault,
  type FaultProxy,
  type FaultyCall,
  type Planned,
} from './dynamodb-faults.ts';
export { drawn } from './drawn.ts';
export { laggingIndexes, type LaggingTables } from './lagging-indexes.ts';
export type { JournalBench, JournalCase, OpenJournalBench } from '../audit/contract/journal-case.ts';
export { journalContract } from '../audit/contract/journal-contract.ts';
export type { OpenedSegments, OpenSegments, SegmentsCase } from '../audit/log/contract/segments-case.ts';
export { segmentsContract } from '../audit/log/segments-contract.ts';
export { oneKeySealer } from './one-key-sealer.ts';
export { testService } from './test-service.ts';
export type { ArchiveCase, OpenArchive, OpenedArchive } from '../store/contract/archive-case.ts';
export type { BusCase, OpenBuses, OpenedBuses } from '../store/contract/bus-case.ts';
export type { OpenedRecords, OpenRecords, RecordsCase } from '../store/contract/records-case.ts';
export type { OpenedTables, OpenTables, TablesCase } from '../store/contract/tables-case.ts';
export { archiveContract } from '../store/archive-contract.ts';
export { busContract } from '../store/bus-contract.ts';
export { recordsContract } from '../store/records-contract.ts';
export { tablesContract } from '../store/tables-contract.ts';
export { keyProviderContract, type KeyProviderPromise } from '../keys/provider-contract.ts';
export type {
  OpenedSessionStore,
  OpenSessionStore,
  SessionStoreCase,
  SessionStoreToProve,
} from '../sessions/contract/session-case.ts';
export { sessionStoreContract } from '../sessions/session-contract.ts';
