import type { TableName } from '../store/spec.ts';
import type { PlacedKind } from './sealer.ts';

// Which attributes of which tables are sealed or blinded. Nothing else decides it: code that writes through
// `sealedTables` cannot store these attributes in clear.

/** Where the place of a sealed attribute is read from: attributes of the item itself. */
export interface SealedField {
  readonly kind: PlacedKind;
  /** `undefined`: the deployment itself, for what is read before a tenant is known. */
  readonly tenantAttribute?: string;
  /** `undefined`: the tenant as a whole. */
  readonly subjectAttribute?: string;
  /**
   * A whole number that every new grant raises, so that an older grant's value does not open in the row of a newer one.
   * `undefined` for what is no grant.
   */
  readonly epochAttribute?: string;
  /** Attributes that are in clear and decide what the value is used for: changed, the value does not open. */
  readonly boundAttributes?: readonly string[];
}

const token = {
  kind: 'token',
  tenantAttribute: 'groupId',
  subjectAttribute: 'userId',
  epochAttribute: 'epoch',
} as const;

/** Attributes that are sealed at their item's own place. */
export const sealedFields = {
  connections: {
    credential: {
      kind: 'credential',
      tenantAttribute: 'groupId',
      subjectAttribute: 'subject',
      epochAttribute: 'epoch',
      boundAttributes: ['origin', 'placement'],
    },
  },
  invitations: { email: { kind: 'record', tenantAttribute: 'groupId' } },
  magic_links: { asked: { kind: 'record' } },
  oauth_server: {
    payload: {
      kind: 'token',
      tenantAttribute: 'tenant',
      subjectAttribute: 'subject',
      epochAttribute: 'epoch',
    },
  },
  oauth_tokens: { accessToken: token, refreshToken: token, account: token },
  users: { profile: { kind: 'record' } },
} as const satisfies { readonly [T in TableName]?: Readonly<Record<string, SealedField>> };

/** Attributes that lie as HMAC under the deployment's blind key, in keys, index partitions and items. */
export const blindedAttributes = {
  invitations: ['code'],
  magic_links: ['linkHash'],
  oauth_server: ['key'],
  sessions: ['sessionId'],
  users: ['email'],
} as const satisfies { readonly [T in TableName]?: readonly string[] };

/** Names of the sealed attributes of table `T`. */
export type SealedFieldOf<T extends TableName> = T extends keyof typeof sealedFields
  ? keyof (typeof sealedFields)[T] & string
  : never;

/** Names of the blinded attributes of table `T`. */
export type BlindedOf<T extends TableName> = T extends keyof typeof blindedAttributes
  ? (typeof blindedAttributes)[T][number]
  : never;

/** The sealed attributes of a table, by name. */
export function sealedFieldsOf(table: TableName): readonly (readonly [string, SealedField])[] {
  const fields: Partial<Record<TableName, Readonly<Record<string, SealedField>>>> = sealedFields;
  return Object.hasOwn(fields, table) ? Object.entries(fields[table] ?? {}) : [];
}

/** The blinded attributes of a table. */
export function blindedAttributesOf(table: TableName): readonly string[] {
  const attributes: Partial<Record<TableName, readonly string[]>> = blindedAttributes;
  return Object.hasOwn(attributes, table) ? (attributes[table] ?? []) : [];
}
