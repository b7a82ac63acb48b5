// Every kind of sealed record: its code in the header and the fields its additional data binds, in order.
// A field may be added only with a new code: the order is part of what old records were sealed under.

const place = ['deployment', 'tenant', 'subject', 'kind', 'table', 'record', 'field', 'epoch'] as const;
const wrap = ['deployment', 'tenant', 'subject', 'kind', 'suite', 'version', 'commitment'] as const;

/** The registry. `ownKey` kinds carry a wrapped data key of their own in each record. */
export const kinds = {
  token: { code: 1, fields: place, ownKey: false },
  credential: { code: 2, fields: place, ownKey: false },
  session: { code: 3, fields: place, ownKey: true },
  client_secret: { code: 4, fields: place, ownKey: false },
  record: { code: 5, fields: place, ownKey: false },
  system: { code: 6, fields: place, ownKey: false },
  handle: { code: 7, fields: place, ownKey: false },
  journal: { code: 8, fields: place, ownKey: false },
  audit_body: { code: 9, fields: place, ownKey: false },
  audit_person: { code: 10, fields: place, ownKey: false },
  audit_key: { code: 11, fields: place, ownKey: false },
  data_key: { code: 15, fields: wrap, ownKey: false },
  tenant_key: { code: 16, fields: wrap, ownKey: false },
} as const satisfies Record<string, { code: number; fields: readonly string[]; ownKey: boolean }>;

/** The name of a kind. */
export type KindName = keyof typeof kinds;

/** What the additional data of kind `K` binds: every field of its schema, as text. An empty text is a value of its own ("the whole tenant"). */
export type ContextOf<K extends KindName> = Readonly<Record<(typeof kinds)[K]['fields'][number], string>>;
