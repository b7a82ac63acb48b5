import { itemInvalid } from './item-rules.ts';
import type { Guard, Item, Page, Step, Stored, Tables } from './tables.ts';

// Where records on `Tables` lie. In `records` a record has many owners, each a row of `record_owners`, changed together
// with it. In `sessions` it has one owner at most, its `userId`, who finds it by the table's own index.

/** What lies under a name. */
export interface PlacedRecord {
  readonly name: string;
  readonly stored: Stored;
}

/** A change of what lies under a name. */
export interface PlacedWrite {
  readonly name: string;
  /** Everything but names and owners; `ttl` and `endsAtMs` among it. */
  readonly facts: Readonly<Item & { readonly ttl: number }>;
  readonly owners: readonly string[];
  /** Of what lies there, ended or not. */
  readonly ownersBefore: readonly string[];
  readonly guard: Guard;
}

/** The tables of records, as one form. */
export interface RecordPlace {
  get(name: string): Promise<Stored | undefined>;
  /** @throws Refusal `item_invalid` for more owners than have room */
  put(write: PlacedWrite): readonly Step[];
  remove(name: string, owners: readonly string[], guard: Guard): readonly Step[];
  list(owner: string, page: PageOf): Promise<{ readonly names: readonly string[]; readonly cursor: Cursor }>;
  scan(page: PageOf): Promise<{ readonly records: readonly PlacedRecord[]; readonly cursor: Cursor }>;
}

type PageOf = Parameters<Tables['scan']>[1];
type Cursor = Page['cursor'];

/** In `records` and `record_owners`. */
export function inRecords(tables: Tables, now: () => number): RecordPlace {
  return {
    get: (name) => tables.get('records', { recordKey: name }),
    put({ name, facts, owners, ownersBefore, guard }) {
      const { ttl, endsAtMs = null } = facts;
      const left = ownersBefore.filter((owner) => !owners.includes(owner));
      return [
        { put: 'records', item: { ...facts, recordKey: name }, guard },
        ...owners.map((owner): Step => ({
          put: 'record_owners',
          item: { owner, recordKey: name, ttl, endsAtMs },
        })),
        ...ownerRemovals(name, left),
      ];
    },
    remove: (name, owners, guard) => [
      { remove: 'records', key: { recordKey: name }, guard },
      ...ownerRemovals(name, owners),
    ],
    async list(owner, page) {
      const found = await tables.query('record_owners', { partition: owner, ...page });
      const living = found.items.filter(({ item }) => Number(item['endsAtMs']) > now());
      return { names: living.map(({ item }) => item.recordKey), cursor: found.cursor };
    },
    async scan(page) {
      const { items, cursor } = await tables.scan('records', page);
      return { records: items.map((stored) => ({ name: stored.item.recordKey, stored })), cursor };
    },
  };
}

/** In `sessions`. */
export function inSessions(tables: Tables, now: () => number): RecordPlace {
  return {
    get: (name) => tables.get('sessions', { sessionId: name }),
    put({ name, facts, owners: [userId, ...more], guard }) {
      if (more.length > 0) throw itemInvalid('a session has more than one owner');
      const owned = userId === undefined ? {} : { userId };
      return [{ put: 'sessions', item: { ...facts, sessionId: name, ...owned }, guard }];
    },
    remove: (name, _, guard) => [{ remove: 'sessions', key: { sessionId: name }, guard }],
    async list(owner, page) {
      const found = await tables.query('sessions', { index: 'userId-index', partition: owner, ...page });
      const living = found.items.filter(({ item }) => Number(item['endsAtMs']) > now());
      return { names: living.map(({ item }) => item.sessionId), cursor: found.cursor };
    },
    async scan(page) {
      const { items, cursor } = await tables.scan('sessions', page);
      return { records: items.map((stored) => ({ name: stored.item.sessionId, stored })), cursor };
    },
  };
}

function ownerRemovals(name: string, owners: readonly string[]): Step[] {
  return owners.map((owner): Step => ({ remove: 'record_owners', key: { owner, recordKey: name } }));
}
