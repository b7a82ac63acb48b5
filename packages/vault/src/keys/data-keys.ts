import { timingSafeEqual } from 'node:crypto';
import { Refusal, refuse } from '../refusal.ts';
import type { DataKey, Suite } from '../seal/data-key.ts';
import { mintKeyBytes, type Random } from '../seal/key-bytes.ts';
import { kinds, type ContextOf } from '../seal/kinds.ts';
import { dataKey } from '../seal/open-key.ts';
import { fromText, toText } from '../seal/text-form.ts';
import type { Item, Revision, Step, Tables } from '../store/tables.ts';
import type { HeldKey } from './key-cache.ts';
import type { PlacedKind } from './sealer.ts';

// Rows of `data_keys`, one partition a tenant:
//
//   kind#subject#<id>     wrapped (base64url) · suite · kekVersion · commitment · state · createdAtMs · job, that made it
//   kind#subject#active   id of the key new records are sealed under; state `shredded` and no id: none is minted any more
//
// The wrap binds deployment, tenant, subject, kind, suite, tenant key version and commitment: a row that is moved or
// changed does not open. Rows choose the suite, never records.

/** Longest subject, as escaped; what a sort key of the store has room for. */
const subjectLengthMax = 900;

/** Whose data key, and what for. */
export interface Scope {
  readonly tenant: string;
  readonly kind: PlacedKind;
  readonly subject: string;
}

/** What data keys are kept with. */
export interface DataKeyParts {
  readonly deployment: string;
  readonly tables: Tables;
  readonly now: () => number;
  readonly random: Random | undefined;
  /** Suite of keys that are minted now. */
  readonly suite: Suite;
  /** The rotation that mints them; not given: none. */
  readonly job?: string;
}

/** A row of a data key, checked for its form. */
export interface DataKeyRow {
  readonly id: string;
  readonly suite: Suite;
  readonly kekVersion: string;
  readonly createdAtMs: number;
  readonly wrapped: string;
  readonly commitment: string;
  /** The rotation that made it; `undefined`: none did. */
  readonly job: string | undefined;
}

/** Which key is active. */
export interface Pointer {
  readonly id: string;
  readonly revision: Revision | undefined;
}

/** The row of the key with this id. `undefined` when there is none: shredded, or never ours. */
export async function readDataKey(
  { tables }: DataKeyParts,
  scope: Scope,
  id: string,
): Promise<DataKeyRow | undefined> {
  const stored = await tables.get('data_keys', { tenant: scope.tenant, dataKey: rowName(scope, id) });
  return stored === undefined ? undefined : checkedRow(stored.item, scope, id);
}

/**
 * Which key new records are sealed under. `undefined` before the first.
 *
 * @throws Refusal `key_shredded` for a tombstone, `key_unavailable` for a row that was damaged
 */
export async function readPointer({ tables }: DataKeyParts, scope: Scope): Promise<Pointer | undefined> {
  const stored = await tables.get('data_keys', { tenant: scope.tenant, dataKey: rowName(scope, 'active') });
  if (stored === undefined) return undefined;
  if (stored.item.state === 'shredded')
    throw refuse(
      'key_shredded',
      'the keys of this person were destroyed; nothing of them can be opened',
      `data_keys ${scope.tenant} ${scope.kind}`,
    );
  if (typeof stored.item.id !== 'string') throw unusable(scope, 'active', 'names no key');
  return { id: stored.item.id, revision: stored.revision };
}

/** What stands in the pointer's place when the keys of a subject are gone: whoever mints holds to the pointer. */
export function tombstoneOf(scope: Scope): Step {
  return {
    put: 'data_keys',
    item: { tenant: scope.tenant, dataKey: rowName(scope, 'active'), state: 'shredded' },
  };
}

/** Put the key of a row into use. */
export function unwrapDataKey(
  parts: DataKeyParts,
  scope: Scope,
  row: DataKeyRow,
  tenantKey: DataKey,
): HeldKey {
  try {
    const wrapped = fromText(row.wrapped);
    const key = openWrapped(
      parts,
      { ...wrapOf(parts, scope, row), commitment: row.commitment },
      wrapped,
      tenantKey,
    );
    return { key, version: row.kekVersion, createdAtMs: row.createdAtMs, live: true };
  } catch (error) {
    // Said of the key, not of the record that asked for it.
    if (error instanceof Refusal) throw unusable(scope, row.id, error.detail ?? error.message, error);
    throw error;
  }
}

/** A fresh key, and the steps that make it the active one if nobody did so since `before` was read. */
export function mintDataKey(
  parts: DataKeyParts,
  scope: Scope,
  { key: tenantKey, version }: HeldKey,
  before: Pointer | undefined,
): { readonly held: HeldKey; readonly id: string; readonly steps: readonly Step[] } {
  const { key, wrapped } = wrapFresh(parts, scope, version, tenantKey);
  const id = toText(key.id);
  const createdAtMs = parts.now();
  const { tenant } = scope;
  const row = {
    tenant,
    dataKey: rowName(scope, id),
    wrapped: toText(wrapped),
    suite: key.suite,
    kekVersion: version,
    commitment: toText(key.commitment),
    state: 'live',
    createdAtMs,
    ...(parts.job === undefined ? {} : { job: parts.job }),
  };
  const pointer = { tenant, dataKey: rowName(scope, 'active'), id };
  return {
    held: { key, version, createdAtMs, live: true },
    id,
    steps: [
      { put: 'data_keys', item: row, guard: { ifAbsent: true } },
      {
        put: 'data_keys',
        item: pointer,
        guard: before === undefined ? { ifAbsent: true } : { ifRevision: before.revision },
      },
    ],
  };
}

/** A fresh key in use, and its wrapped form. */
export function wrapFresh(
  parts: DataKeyParts,
  scope: Scope,
  version: string,
  tenantKey: DataKey,
): { readonly key: DataKey; readonly wrapped: Buffer } {
  const bytes = mintKeyBytes(parts.random);
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  try {
    const key = dataKey(bytes, parts.suite, parts.random === undefined ? {} : { random: parts.random });
    const context = wrapOf(parts, scope, { suite: parts.suite, kekVersion: version });
    const wrapped = tenantKey.seal('data_key', { ...context, commitment: toText(key.commitment) }, copy);
    return { key, wrapped };
  } finally {
    copy.fill(0);
  }
}

/**
 * Put a wrapped key into use.
 *
 * @throws Refusal `open_failed` when wrap, context and commitment do not belong together
 */
export function openWrapped(
  { random }: Pick<DataKeyParts, 'random'>,
  context: ContextOf<'data_key'>,
  wrapped: Uint8Array,
  tenantKey: DataKey,
): DataKey {
  const bytes = tenantKey.open('data_key', context, wrapped);
  const key = dataKey(bytes, Number(context.suite) as Suite, random === undefined ? {} : { random });
  const expected = Buffer.from(context.commitment, 'base64url');
  if (expected.length === key.commitment.length && timingSafeEqual(expected, key.commitment)) return key;
  key.destroy();
  throw refuse('open_failed', 'the sealed data cannot be opened', 'the commitment of a data key differs');
}

function isPlacedKind(kind: string): kind is PlacedKind {
  return Object.hasOwn(kinds, kind) && kind !== 'data_key' && kind !== 'tenant_key';
}

/** What a wrap binds, but for the commitment. */
export function wrapOf(
  { deployment }: Pick<DataKeyParts, 'deployment'>,
  { tenant, subject, kind }: Scope,
  { suite, kekVersion }: { readonly suite: Suite; readonly kekVersion: string },
): Omit<ContextOf<'data_key'>, 'commitment'> {
  return { deployment, tenant, subject, kind, suite: String(suite), version: kekVersion };
}

// A subject is any text: escaped, so that none can hold the `#` that ends it.
function rowName({ kind, subject }: Scope, last: string): string {
  const escaped = encodeURIComponent(subject);
  if (escaped.length > subjectLengthMax)
    throw refuse('context_invalid', 'the subject of a sealed record is too long');
  return `${kind}#${escaped}#${last}`;
}

/**
 * The scope and the last part of a row's name.
 *
 * @returns `undefined` for a name of another form
 */
export function scopeOfRow(
  tenant: string,
  dataKey: string,
): { readonly scope: Scope; readonly last: string } | undefined {
  const [kind = '', subject = '', last, more] = dataKey.split('#');
  if (last === undefined || more !== undefined || !isPlacedKind(kind)) return undefined;
  try {
    return { scope: { tenant, kind, subject: decodeURIComponent(subject) }, last };
  } catch {
    return undefined;
  }
}

/** The wrapped key of a row, checked for its form. @throws Refusal `key_unavailable` */
export function checkedRow(item: Item, scope: Scope, id: string): DataKeyRow {
  const { suite, kekVersion, createdAtMs, wrapped, commitment, state, job } = item;
  if (typeof wrapped !== 'string' || typeof commitment !== 'string' || typeof kekVersion !== 'string')
    throw unusable(scope, id, 'not a row of a key');
  if ((suite !== 1 && suite !== 2) || typeof createdAtMs !== 'number')
    throw unusable(scope, id, 'not a row of a key');
  if (state !== 'live') throw unusable(scope, id, 'its state is not live');
  const by = typeof job === 'string' ? job : undefined;
  return { id, suite, kekVersion, createdAtMs, wrapped, commitment, job: by };
}

function unusable({ tenant, kind }: Scope, id: string, detail: string, cause?: unknown): Error {
  return refuse(
    'key_unavailable',
    'a data key cannot be opened with the keys of this tenant; its row was changed or the key is disabled',
    `data_keys ${tenant} ${kind} ${id}: ${detail}`,
    cause,
  );
}
