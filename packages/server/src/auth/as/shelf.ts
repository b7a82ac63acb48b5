import {
  everyItem,
  everyPage,
  systemTenant,
  type ItemOf,
  type Records,
  type Revision,
  type SealedTables,
  type Sealer,
} from '@sealgate/vault';

// Where the authorization server keeps what it made: what lasts in the table `oauth_server`, what ends soon in records.
// Both are sealed and blinded, and everything can be found again by its owners (a client, an account, a grant), so that
// removing one of these leaves nothing behind.

/** What was made, as the provider hands it over. */
export type Payload = Readonly<Record<string, unknown>>;

/** Something that was put, and the revision to replace it under. */
export interface Kept {
  readonly payload: Payload;
  readonly revision: Revision | undefined;
}

/** How something is put. */
export interface Putting {
  /** Milliseconds since 1970; `undefined`: it stays until it is removed. */
  readonly endsAtMs: number | undefined;
  /** Up to 10. */
  readonly owners: readonly string[];
  readonly guard?: { readonly ifAbsent: true } | { readonly ifRevision: Revision | undefined };
}

/** One of the two places. */
export interface Shelf {
  /** `undefined` when absent or ended. */
  get(name: string): Promise<Kept | undefined>;
  /** @returns whether the guard held */
  put(name: string, payload: Payload, putting: Putting): Promise<boolean>;
  remove(name: string): Promise<void>;
  /** Whether the owner has anything here. */
  owns(owner: string): Promise<boolean>;
  /** Remove everything the owner has. */
  removeOwned(owner: string): Promise<void>;
}

const pageSize = 100;

/** What ends within days: codes, interactions, access tokens, replay marks. */
export function recordsShelf(records: Records, now: () => number): Shelf {
  const longestMs = 400 * 24 * 3600_000;
  return {
    async get(name) {
      const found = await records.get(name);
      if (found === undefined) return undefined;
      const payload = readPayload(found.bytes);
      return { payload, revision: found.revision };
    },
    async put(name, payload, { endsAtMs, owners, guard }) {
      const bytes = Buffer.from(JSON.stringify(payload));
      const ends = endsAtMs ?? now() + longestMs;
      const held = guard === undefined ? {} : { guard: guard as { readonly ifAbsent: true } };
      const put = await records.put(name, bytes, { endsAtMs: ends, owners, ...held });
      bytes.fill(0);
      return put !== undefined;
    },
    async remove(name) {
      const taken = await records.take(name);
      taken?.bytes.fill(0);
    },
    async owns(owner) {
      return (await records.list(owner, { limit: 1 })).names.length > 0;
    },
    async removeOwned(owner) {
      for await (const { names } of everyPage((from) => records.list(owner, { limit: pageSize, ...from })))
        await Promise.all(names.map(async (name) => (await records.take(name))?.bytes.fill(0)));
    },
  };
}

/** What lasts: clients, grants, refresh tokens, registration tokens. */
export function tablesShelf(
  tables: SealedTables,
  sealer: Pick<Sealer, 'blind'>,
  now: () => number,
): Shelf & { scan(model: string): AsyncIterable<Payload> } {
  const ownerOf = (owner: string): string => sealer.blind('oauth_server.owner', owner);
  const rows = ownedRows(tables, ownerOf);
  return {
    async get(name) {
      const found = await tables.get('oauth_server', { key: name });
      if (found === undefined || Number(found.item['endsAtMs'] ?? Infinity) <= now()) return undefined;
      const payload = readPayload(await tables.openField('oauth_server', found.item, 'payload'));
      return { payload, revision: found.revision };
    },
    async put(name, payload, { endsAtMs, owners, guard }) {
      const plain = Buffer.from(JSON.stringify(payload));
      const blinded = owners.map(ownerOf);
      const end = endsAtMs === undefined ? {} : { endsAtMs, ttl: Math.ceil(endsAtMs / 1000) };
      const place = { tenant: systemTenant, subject: '', epoch: 0 };
      const model = name.slice(0, name.indexOf(':'));
      const item = { key: name, ...place, model, owners: blinded, ...end, payload: plain };
      const recordKey = sealer.blind('oauth_server.key', name);
      const made = await tables.transact([
        { put: 'oauth_server', item, ...(guard === undefined ? {} : { guard }) },
        ...blinded.map((owner) => ({
          put: 'record_owners' as const,
          item: { owner, recordKey, ...end },
        })),
      ]);
      plain.fill(0);
      return made.done;
    },
    async remove(name) {
      const found = await tables.get('oauth_server', { key: name });
      if (found !== undefined) await rows.removeRow(found.item);
    },
    owns: async (owner) => !(await rows.of(owner).next()).done,
    async removeOwned(owner) {
      for await (const item of rows.of(owner)) await rows.removeRow(item);
    },
    async *scan(model) {
      for await (const item of rows.all())
        if (item['model'] === model)
          yield readPayload(await tables.openField('oauth_server', item, 'payload'));
    },
  };
}

type Row = ItemOf<'oauth_server'>;

/** The rows behind the names: found by the blinded owners, without opening any. */
function ownedRows(tables: SealedTables, ownerOf: (owner: string) => string) {
  const keyOf = (key: string) => tables.keep('oauth_server', { key }) as { readonly key: string };
  return {
    async *of(owner: string): AsyncGenerator<Row> {
      const question = { partition: ownerOf(owner), limit: pageSize };
      for await (const { items } of everyPage((from) =>
        tables.query('record_owners', { ...question, ...from }),
      ))
        for (const { item } of items) {
          const row = await tables.get('oauth_server', keyOf(item.recordKey));
          if (row !== undefined) yield row.item;
        }
    },
    all: (): AsyncGenerator<Row> => everyItem(tables, 'oauth_server', pageSize),
    async removeRow(item: Row): Promise<void> {
      const owners = Array.isArray(item['owners']) ? item['owners'].map(String) : [];
      await tables.transact([
        { remove: 'oauth_server', key: keyOf(item.key) },
        ...owners.map((owner) => ({
          remove: 'record_owners' as const,
          key: { owner, recordKey: item.key },
        })),
      ]);
    },
  };
}

function readPayload(bytes: Uint8Array): Payload {
  const payload = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  bytes.fill(0);
  return payload as Payload;
}
