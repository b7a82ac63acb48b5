// The whole public surface of the vault.
export { Refusal, vaultCodes, type VaultCode } from './refusal.ts';
export { redeem, type Receipt } from './receipt.ts';
export { acts, type Act, type ActSpec } from './audit/acts.ts';
export {
  openAnchorFile,
  type AnchorFile,
  type AnchorPlace,
  type AnchorRecord,
} from './audit/archive/anchor-file.ts';
export { blobAnchors, type BlobAnchors } from './audit/archive/anchors.ts';
export { heldObject, openHolds, type Hold, type Holds } from './audit/archive/holds.ts';
export type { ArchivedLog } from './audit/archive/expire-logs.ts';
export { openLogArchive, type ArchiveRun, type LogArchive } from './audit/archive/log-archive.ts';
export type {
  AuditClass,
  AuditContext,
  AuditFields,
  AuditFlag,
  AuditOutcome,
  Entry,
  EntryRequest,
  Source,
} from './audit/entry.ts';
export type { Audit } from './audit/audit.ts';
export { callPage, type CallPage, type CallPageQuery } from './audit/call-pages.ts';
export { journalCalls, type CallHints, type CallReader } from './audit/call-reader.ts';
export { endedCalls, newestCalls, type Call, type CallFilter } from './audit/calls.ts';
export type { EntryReader, OnReached } from './audit/every-entry.ts';
export { fileDevice } from './audit/devices/file-device.ts';
export type { DeviceName, DeviceStanding, DeviceState } from './audit/devices/device.ts';
export type { DeviceChange } from './audit/devices/lane.ts';
export { csvLine } from './audit/export/csv.ts';
export { exportFormats, exportText, type ExportFormat } from './audit/export/export-lines.ts';
export { exportProven, type ExportPiece } from './audit/export/proven-export.ts';
export type { EntryFilter } from './audit/filter.ts';
export { findCall } from './audit/find-call.ts';
export { followEntries } from './audit/follow.ts';
export { copyJournal } from './audit/journal-copy.ts';
export { openJournal, openJournalReader } from './audit/journal.ts';
export {
  paramsKeeper,
  strictPolicy,
  type KeptParams,
  type ParamsKeeper,
  type TagsOf,
} from './audit/kept-params.ts';
export { paramMatch, type ParamMatch } from './audit/param-match.ts';
export { hoursJudge } from './audit/report/hours-flag.ts';
export { journalBeside, type OtherJournal, type SharedJournal } from './audit/journals.ts';
export { redactionOf, type RedactionPolicy, type RedactionRule, type TagOf } from './audit/leaf/redaction.ts';
export { holdsSecretShape } from './audit/leaf/secret-shapes.ts';
export type { LogKeyring } from './audit/log/log-keyring.ts';
export { copyLog, markOf, placeLog, setLogAside, type LogPlace } from './audit/log/copy-log.ts';
export { formerLog } from './audit/log/former-log.ts';
export type { EntryProofs } from './audit/log/entry-proofs.ts';
export { lostJournals } from './audit/log/lost-journals.ts';
export { logSource, type LogIdentity, type PublishedLog } from './audit/log/log-source.ts';
export type { SealedCallParts } from './audit/log/call-source.ts';
export type { ProvenEntry } from './audit/log/prove-entry.ts';
export { proveGrowth, type Growth, type GrowthProof } from './audit/log/prove-growth.ts';
export type { ArchivedFiles, PublishedFile, PublishedFiles } from './audit/log/published-files.ts';
export {
  openSealedLog,
  type Disclosed,
  type SealedLog,
  type SealedLogParts,
} from './audit/log/sealed-log.ts';
export { sealedCalls } from './audit/log/sealed-calls.ts';
export type { Segments } from './audit/log/segments.ts';
export type { LentStores } from './audit/log/thread/lent-stores.ts';
export {
  openSealingThread,
  type SealingChoices,
  type SealingThread,
} from './audit/log/thread/sealing-thread.ts';
export {
  sqliteSegments,
  type SqliteSegments,
  type SqliteSegmentsOptions,
} from './audit/log/sqlite/segments.ts';
export { tenantLog } from './audit/log/tenant-log.ts';
export { writeLog, type WrittenLog } from './audit/log/write-log.ts';
export type { Journal, JournalHealth, JournalOptions, JournalReader } from './audit/journal.ts';
export type { EntryPage, EntryQuery } from './audit/pages.ts';
export type { Rows } from './audit/rows.ts';
export { openAudit, type AuditOptions } from './audit/record.ts';
export { insightsQuery, type QueryChoices } from './audit/report/insights.ts';
export { localClock, type LocalClock } from './audit/report/local-hours.ts';
export {
  reportColumns,
  reportNames,
  reportRows,
  type ReportChoices,
  type ReportName,
  type ReportRow,
} from './audit/report/reports.ts';
export { reportOf, type ReportAsked } from './audit/report/report-of.ts';
export { searchCalls, type SearchResult } from './audit/report/search.ts';
export { statsOf, type Count, type Stats } from './audit/report/stats.ts';
export { openTokenJournals, type TokenJournals } from './audit/token-journals.ts';
export { lackingUses, usesLeft, type CountedUses, type LackingUse } from './audit/uses.ts';
export type { Anchor, Verdict } from './audit/verify.ts';
export type { ConnectionChange, ConnectionListener } from './credentials/connection-changes.ts';
export type { Answer, Carry, Outgoing } from './credentials/loan.ts';
export { needlesOf } from './credentials/needles.ts';
export type { Placement } from './credentials/placement.ts';
export { scrubBytes } from './credentials/scrub.ts';
export { objectOf, openConnections, tenantOfObject, type ConnectionRows } from './credentials/connections.ts';
export type { Connection, Connections, Gate, Lent, Use } from './credentials/gate.ts';
export { openGate, type GateParts } from './credentials/use.ts';
export { actOf, keysOf, type KeyAdministration } from './keys/administration.ts';
export { holdsTenantKeys } from './keys/deployment.ts';
export { systemTenant } from './keys/system-tenant.ts';
export type { Blinded, DraftOf, DraftStep, KeyDraft } from './keys/drafts.ts';
export { envKey } from './keys/env-key.ts';
export { proveExport, signManifest, type ProofParts, type ProofRoots } from './keys/export-proof.ts';
export { hkdfRoot } from './keys/hkdf-root.ts';
export { keyLifeSeconds } from './keys/key-cache.ts';
export { keySubjects, type KeySubjects } from './keys/key-subjects.ts';
export { openNoteKey } from './keys/note-key.ts';
export type { KeyHolding, KeyStatus, UnfinishedWork } from './keys/key-status.ts';
export { addKeyringKey, copyKeyring, openKeyring, type KeyringParts } from './keys/keyring.ts';
export { openSealer, type KeyState, type OpenedSealer, type SealerParts } from './keys/open-sealer.ts';
export {
  earlierStretching,
  newStretching,
  passphraseKey,
  type PassphraseSettings,
  type Stretching,
} from './keys/passphrase.ts';
export { passphraseSettings } from './keys/passphrase-settings.ts';
export { plantedSwaps, type PlantedSwap } from './keys/planted-swaps.ts';
export type { KeyContext, KeyProvider, RootKey } from './keys/provider.ts';
export type { KeyCounts, KeyFailure, KeyWork } from './keys/rotate/job-row.ts';
export type { KeyProgress, KeyWorkDone, KeyWorkOptions } from './keys/rotate/run.ts';
export {
  blindedAttributes,
  sealedFields,
  type BlindedOf,
  type SealedField,
  type SealedFieldOf,
} from './keys/sealed-fields.ts';
export { sealedBus } from './keys/sealed-bus.ts';
export { dropOwned, sealedRecords, type RecordSealing } from './keys/sealed-records.ts';
export { sealedTables, type SealedTables } from './keys/sealed-tables.ts';
export type { Place, PlacedKind, Sealer } from './keys/sealer.ts';
export type { Shredded } from './keys/shred/job.ts';
export type { DestroyedRoots, ShreddedPerson, ShredOrder } from './keys/shred/shredding.ts';
export {
  verifyReceipt,
  type BackupNote,
  type ReceiptVerdict,
  type ShreddingReceipt,
  type SignedReceipt,
  type StorageNote,
} from './keys/shred/shredding-receipt.ts';
export {
  bringCredentials,
  type BringParts,
  type BroughtCredentials,
  type EarlierCredential,
} from './older/bring-credentials.ts';
export {
  earlierTenantKey,
  openSecretColumns,
  rowKey,
  type SecretColumns,
  type TenantKeySource,
} from './older/tenant-rows.ts';
export {
  TokenEncryptionService,
  type TokenEncryptionOptions,
  type TokenPassphrase,
} from './older/token-encryption-service.ts';
export type { Suite } from './seal/data-key.ts';
export { openGcmRow, sealGcmRow, type GcmRow } from './seal/gcm-row.ts';
export { kinds, type ContextOf, type KindName } from './seal/kinds.ts';
export { dropNoncePool } from './seal/nonces.ts';
export { fileArchive } from './store/archive/file-archive.ts';
export type { Archive, Blob, BlobEntry, BlobWrite } from './store/archive.ts';
export { writeWhole } from './store/atomic-file.ts';
export type { Bus, Listener } from './store/bus.ts';
export { everyItem, removeWhere } from './store/every-item.ts';
export { everyPage } from './store/every-page.ts';
export { fileRecords, type FileRecordsOptions } from './store/file-records/records.ts';
export { frozen, type Freeze } from './store/freeze.ts';
export { oneBehindTheOther } from './store/in-turn.ts';
export { memoryArchive } from './store/memory/archive.ts';
export { memoryBus } from './store/memory/bus.ts';
export { besideRecords } from './sessions/beside-records.ts';
export type { SessionStoreConfig } from './sessions/config.ts';
export { sealedSessions } from './sessions/open-store.ts';
export { decryptSessionData, encryptSessionData, type SessionDataOptions } from './sessions/session-data.ts';
export {
  SealedSessionStore,
  type IdentifiedSession,
  type SessionCallback,
} from './sessions/sealed-session-store.ts';
export {
  createSessionManager,
  type ManagedSession,
  type SessionManager,
  type SessionManagerOptions,
} from './sessions/session-manager.ts';
export type { SessionCookie, SessionValue } from './sessions/session-value.ts';
export type { EncryptedSessionRecord, EncryptionResult, Version1Options } from './sessions/version1.ts';
export { SqliteSessionStore, type SqliteSessionStoreConfig } from './sessions/sqlite.ts';
export { memoryRecords, type MemoryRecords, type MemoryRecordsOptions } from './store/memory/records.ts';
export { memoryTables, type MemoryTables, type MemoryTablesOptions } from './store/memory/tables.ts';
export { polledBus, type PolledBusOptions } from './store/polled-bus.ts';
export { sessionRecords, tableRecords, type TableRecordsOptions } from './store/records-on-tables.ts';
export type { RecordWrite, Records, StoredRecord } from './store/records.ts';
export {
  tableSpecs,
  type IndexName,
  type IndexSpec,
  type KeyOf,
  type TableName,
  type TableSpec,
} from './store/spec.ts';
export { claimDirectory, type ClaimedDirectory } from './store/sqlite/data-directory.ts';
export { sqliteTables, type SqliteTables, type SqliteTablesOptions } from './store/sqlite/tables.ts';
export type {
  Guard,
  Item,
  ItemOf,
  Page,
  Query,
  Revision,
  SortRange,
  Step,
  Stored,
  Tables,
  Transacted,
  Value,
} from './store/tables.ts';
export type { FillableTables } from './store/tables-on-engine.ts';
export { openTopic, type Topic } from './store/topic.ts';
export { bringBlobs, takeBlobs, type CopiedBlobs } from './store/transfer/blobs.ts';
export { checkFiles } from './store/transfer/check-files.ts';
export { dropCheckpoint, readCheckpoint } from './store/transfer/checkpoint.ts';
export { exportTables, type ExportedTables, type ExportParts } from './store/transfer/export-tables.ts';
export {
  compareTables,
  importTables,
  type ImportedTables,
  type ImportParts,
} from './store/transfer/import-tables.ts';
export { digestOf, exportInvalid, type FileDigest } from './store/transfer/line-file.ts';
export { readManifest, writeManifest, type Manifest, type TableEntry } from './store/transfer/manifest.ts';
export type { OnProgress, Progress } from './store/transfer/table-pages.ts';
export type { Counted, UseCounter, UseLimit } from './store/use-counter.ts';
export { within } from './store/within.ts';
