// The whole public surface of the vault.
export { Refusal, vaultCodes, type VaultCode } from './refusal.ts';
export { Receipt } from './receipt.ts';
export type { AuditClass, AuditContext, AuditFields, AuditOutcome, Entry, Source } from './audit/entry.ts';
export type { Audit } from './audit/audit.ts';
export type { Answer, Carry, Outgoing } from './credentials/loan.ts';
export type { Placement } from './credentials/placement.ts';
export type { Connection, Connections, Gate, Lent, Use } from './credentials/gate.ts';
export type { KeyContext, KeyProvider, RootKey } from './keys/provider.ts';
export type { Place, PlacedKind, Sealer } from './keys/sealer.ts';
export type { DataKey, Suite } from './seal/data-key.ts';
export { kinds, type ContextOf, type KindName } from './seal/kinds.ts';
export type { RecordWrite, Records, StoredRecord } from './store/records.ts';
export { tableSpecs, type IndexName, type IndexSpec, type KeyOf, type TableName, type TableSpec } from './store/spec.ts';
export type { Guard, Item, ItemOf, Page, Query, Revision, SortRange, Step, Stored, Tables, Transacted, Value } from './store/tables.ts';
