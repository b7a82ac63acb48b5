// The one description of every table. SQLite DDL, DynamoDB provisioning, the memory store, export and import,
// and the infrastructure code are all made from it. Names are those of the systems that Sealgate merges.

/** A secondary index: its own partition and, optionally, its own order. Items without the partition attribute are not in it. */
export interface IndexSpec {
  readonly partition: string;
  readonly sort?: string;
  /** Type of the sort attribute; `string` when not given. */
  readonly sortType?: 'string' | 'number';
}

/** One table: its key, its indexes, and how its bytes are treated. */
export interface TableSpec {
  readonly partition: string;
  readonly sort?: string;
  /** Name of the attribute that holds the end of an item in Unix seconds. Readers check it themselves: a store deletes late. */
  readonly ttl?: string;
  readonly indexes?: Readonly<Record<string, IndexSpec>>;
  /** `full`: a write is on the disk before it is acknowledged (secrets, identity). `normal`: the last writes may be lost with the power. */
  readonly durability: 'full' | 'normal';
  /** Holds what ends soon by itself (sessions, codes): an export leaves it behind, and no table of it is restored to an earlier time. */
  readonly leftBehind?: true;
}

/** Every table of the product, by its public name (a DynamoDB prefix may be added at the adapter). */
export const tableSpecs = {
  users: {
    partition: 'userId',
    indexes: { 'email-index': { partition: 'email' }, 'discordUserId-index': { partition: 'discordUserId' } },
    durability: 'full',
  },
  sessions: {
    partition: 'sessionId',
    ttl: 'ttl',
    indexes: { 'userId-index': { partition: 'userId' } },
    durability: 'full',
    leftBehind: true,
  },
  groups: { partition: 'groupId', indexes: { 'url-index': { partition: 'url' } }, durability: 'full' },
  memberships: {
    partition: 'groupId',
    sort: 'userId',
    indexes: { 'userId-index': { partition: 'userId' } },
    durability: 'full',
  },
  invitations: {
    partition: 'invitationId',
    ttl: 'ttl',
    indexes: { 'code-index': { partition: 'code' }, 'groupId-index': { partition: 'groupId' } },
    durability: 'full',
  },
  roles: {
    partition: 'roleId',
    indexes: { 'userId-index': { partition: 'userId' }, 'groupId-index': { partition: 'groupId' } },
    durability: 'normal',
  },
  oauth_tokens: {
    partition: 'userId',
    sort: 'providerKey',
    indexes: { 'accountEmail-index': { partition: 'provider', sort: 'accountEmail' } },
    durability: 'full',
  },
  mcp_servers: { partition: 'serverId', durability: 'full' },
  settings: { partition: 'settingKey', durability: 'normal' },
  skills: { partition: 'skillId', durability: 'normal' },
  messages: { partition: 'roleKey', sort: 'sortKey', durability: 'normal' },
  scheduled_jobs: {
    partition: 'jobId',
    indexes: {
      'userId-index': { partition: 'userId' },
      'typeStatus-runAt-index': { partition: 'typeStatus', sort: 'runAt', sortType: 'number' },
      'typeStatus-holdUntil-index': { partition: 'typeStatus', sort: 'holdUntil', sortType: 'number' },
    },
    durability: 'normal',
  },
  tenant_keys: { partition: 'tenant', sort: 'version', durability: 'full' },
  data_keys: { partition: 'tenant', sort: 'dataKey', durability: 'full' },
  connections: { partition: 'groupId', sort: 'connectionId', durability: 'full' },
  master_keys: { partition: 'prefix', sort: 'keyId', durability: 'full' },
  magic_links: { partition: 'linkHash', ttl: 'ttl', durability: 'full', leftBehind: true },
  oauth_server: { partition: 'key', ttl: 'ttl', durability: 'full' },
  policies: { partition: 'groupId', sort: 'id', durability: 'full' },
  approvals: { partition: 'groupId', sort: 'id', durability: 'full' },
  // Ours, beside the public ones.
  deployment: { partition: 'name', durability: 'full' },
  uniques: { partition: 'uniqueKey', durability: 'full' },
  upstream_eras: { partition: 'upstreamKey', durability: 'normal' },
  records: { partition: 'recordKey', ttl: 'ttl', durability: 'full', leftBehind: true },
  record_owners: { partition: 'owner', sort: 'recordKey', ttl: 'ttl', durability: 'full', leftBehind: true },
} as const satisfies Record<string, TableSpec>;

/**
 * Tables of the sealed audit log, on DynamoDB alone: on SQLite it has files of its own. It writes them itself, never through
 * `Tables`, and no export holds them. `audit_root` states how far the logs in `audit_segments` have grown; brought back to an
 * earlier time, it would let another end be stated of the same log, so it must not be. `audit_journal` is where entries come
 * from.
 */
export const logTableSpecs = {
  audit_segments: { partition: 'part', sort: 'place', ttl: 'ttl', durability: 'full' },
  audit_root: { partition: 'part', sort: 'place', ttl: 'ttl', durability: 'full' },
  audit_journal: { partition: 'part', sort: 'place', durability: 'full' },
} as const satisfies Record<string, TableSpec>;

/** The name of a table of the sealed audit log. */
export type LogTableName = keyof typeof logTableSpecs;

/** The name of a table. */
export type TableName = keyof typeof tableSpecs;

type Specs = typeof tableSpecs;

/** The name of an index of table `T`; `never` when it has none. */
export type IndexName<T extends TableName> = Specs[T] extends { readonly indexes: infer I }
  ? keyof I & string
  : never;

/** The key of one item of table `T`, by the table's own attribute names. */
export type KeyOf<T extends TableName> = Readonly<
  Record<Specs[T]['partition'], string> &
    (Specs[T] extends { readonly sort: infer S extends string } ? Record<S, string> : unknown)
>;
