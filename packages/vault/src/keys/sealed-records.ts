import { Refusal } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import { everyPage } from '../store/every-page.ts';
import { checkedName, checkedOwner, checkedWrite } from '../store/record-rules.ts';
import type { RecordWrite, Records, StoredRecord } from '../store/records.ts';
import { invalid } from './drafts.ts';
import { recentNames } from './recent-names.ts';
import type { PlacedKind, Sealer } from './sealer.ts';

// What an adapter sees of a record: a blinded name, blinded owners, an end, and one sealed value that holds
//
//   length of the head (u16) · head: name and owners in clear, as JSON · bytes
//
// The blinded name is the record of the place, so a value that is moved under another name does not open.

const recordBytesMax = 248 * 1024;
const headLengthBytes = 2;

/** Whose records, and how they are sealed. */
export interface RecordSealing {
  readonly kind: PlacedKind;
  /** Logical table: records of another one have other names, and do not open here. */
  readonly table: string;
  /** `systemTenant` for records that are looked up before their tenant is known. */
  readonly tenant: string;
  /** `''` when not given: the tenant as a whole. */
  readonly subject?: string;
}

/**
 * Records whose names and owners nobody can read and whose bytes open only here. Cheap to make: one for each tenant.
 * Values are up to 248 KiB. `get` and `take` throw `open_failed` for a record that was changed or moved; `list` and
 * `scan` open each record for its name and leave out what does not open here.
 */
export function sealedRecords(records: Records, sealer: Sealer, sealing: RecordSealing): Records {
  const { kind, table, tenant, subject = '' } = sealing;
  const prefix = `${table}.`;
  const { named, owned } = namesOf(sealer, sealing);
  const placeOf = (record: string) => ({ tenant, subject, table, record, field: 'record', epoch: 0 });

  const opened = async (record: string, stored: StoredRecord): Promise<Opened> => {
    const { head, bytes } = unpack(await sealer.open(kind, placeOf(record), stored.bytes));
    const { revision, endsAtMs } = stored;
    return { name: head.name, stored: { bytes, revision, endsAtMs, owners: head.owners } };
  };
  const nameIn = async (record: string): Promise<string | undefined> => {
    if (!record.startsWith(prefix)) return undefined;
    const stored = await records.get(record);
    const found = stored && (await opened(record, stored).catch(leaveOut));
    found?.stored.bytes.fill(0);
    return found?.name;
  };
  const clear = async (page: Names): Promise<Names> => {
    const names = await Promise.all(page.names.map(nameIn));
    return { ...page, names: names.filter((name) => name !== undefined) };
  };

  return {
    async get(name) {
      const record = named(name);
      const stored = await records.get(record);
      return stored && (await opened(record, stored)).stored;
    },
    async put(name, bytes, write: RecordWrite) {
      const { owners, endsAtMs, guard } = checkedWrite(name, bytes, write);
      if (bytes.length > recordBytesMax) throw invalid(`a sealed record is over ${recordBytesMax} bytes`);
      const record = named(name);
      const blinded = { endsAtMs, owners: owners.map(owned), ...(guard === undefined ? {} : { guard }) };
      const packed = pack({ name, owners }, bytes);
      const sealed = await wipedAfter(packed, () => sealer.seal(kind, placeOf(record), packed));
      return records.put(record, sealed, blinded);
    },
    async take(name) {
      const record = named(name);
      const stored = await records.take(record);
      return stored && (await opened(record, stored)).stored;
    },
    extend: async (name, endsAtMs) => records.extend(named(name), endsAtMs),
    bar: async (name, untilMs) => records.bar(named(name), untilMs),
    list: async (owner, page) => clear(await records.list(owned(owner), page)),
    scan: async (page) => clear(await records.scan(page)),
    close: () => records.close(),
  };
}

/**
 * Remove what an owner has, without opening any of it: also when the keys are gone.
 *
 * @returns how many records there were
 */
export async function dropOwned(
  records: Records,
  sealer: Sealer,
  sealing: RecordSealing,
  owner: string,
): Promise<number> {
  const { owned } = namesOf(sealer, sealing);
  let dropped = 0;
  for await (const { names } of everyPage((from) => records.list(owned(owner), { limit: 100, ...from })))
    for (const name of names) if ((await records.take(name)) !== undefined) dropped += 1;
  return dropped;
}

async function wipedAfter<V>(packed: Buffer, use: () => Promise<V>): Promise<V> {
  try {
    return await use();
  } finally {
    packed.fill(0);
  }
}

// Names and owners as the adapter sees them.
function namesOf(sealer: Sealer, { table, tenant, subject = '' }: RecordSealing) {
  const recent = recentNames(sealer);
  const blinding = (purpose: string) => {
    const whose = `${purpose}\0${JSON.stringify([tenant, subject])}`;
    return (text: string): string =>
      recent.get(whose + text, () => sealer.blind(purpose, JSON.stringify([tenant, subject, text])));
  };
  const [blindName, blindOwner] = [blinding(`${table}.name`), blinding(`${table}.owner`)];
  return {
    named: (name: string): string => `${table}.${blindName(checkedName(name))}`,
    owned: (owner: string): string => blindOwner(checkedOwner(owner)),
  };
}

interface Head {
  readonly name: string;
  readonly owners: readonly string[];
}

interface Opened {
  readonly name: string;
  readonly stored: StoredRecord;
}

type Names = Awaited<ReturnType<Records['list']>>;

// A record that does not open here; anything else is no reason to hide one.
function leaveOut(error: unknown): undefined {
  if (error instanceof Refusal && error.code === 'open_failed') return undefined;
  throw error;
}

function pack(head: Head, bytes: Uint8Array): Buffer {
  const text = Buffer.from(JSON.stringify([head.name, ...head.owners]));
  const packed = Buffer.allocUnsafeSlow(headLengthBytes + text.length + bytes.length);
  packed.writeUInt16BE(text.length);
  packed.set(text, headLengthBytes);
  packed.set(bytes, headLengthBytes + text.length);
  return packed;
}

// Authentic when it gets here; the checks are for a value of another form that was sealed at the same place.
function unpack(packed: Buffer): { readonly head: Head; readonly bytes: Uint8Array } {
  const bodyAt = headLengthBytes + (packed.length < headLengthBytes ? 0 : packed.readUInt16BE());
  if (packed.length < bodyAt) throw openFailed('a record shorter than its head');
  const [name, ...owners] = JSON.parse(packed.toString('utf8', headLengthBytes, bodyAt)) as string[];
  if (name === undefined) throw openFailed('a record without a name');
  const bytes = new Uint8Array(packed.buffer, packed.byteOffset + bodyAt, packed.length - bodyAt);
  return { head: { name, owners }, bytes };
}
