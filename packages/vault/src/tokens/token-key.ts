import type { HeldKey } from '../keys/key-cache.ts';
import type { KeyContext, KeyProvider } from '../keys/provider.ts';
import { Refusal, refuse } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import { dataKey } from '../seal/open-key.ts';
import { fromText, toText } from '../seal/text-form.ts';
import type { Records, StoredRecord } from '../store/records.ts';
import type { TokenNames } from './token-names.ts';

// The key that tokens are sealed under: one for each client, provider, service and key of the key service, and each day.
//
//   tokens.key.<name>   sealed beside (JSON): service · kmsKeyId · day · keyRef · wrapped (base64url) · createdAtMs
//
// The name is blinded and made of all that the key is for, so whoever knows it finds the one key there is, and a record that
// is moved under another name does not open. The day begins at another hour for each of them: not all keys are made at once.

const dayMs = 24 * 60 * 60 * 1000;
const hourMs = 60 * 60 * 1000;
const attemptsMax = 5;

/** Whose token, and for which API. */
export interface TokenOf {
  readonly client: string;
  readonly provider: string;
}

/** What a token key is for. */
export interface KeyScope extends TokenOf {
  /** The service that stores the token. */
  readonly service: string;
  /** The key of the key service that wraps; `''` for the one it uses by itself. */
  readonly kmsKeyId: string;
}

/** A token key in use. Its `version` is its name. */
export interface TokenKey extends HeldKey {
  readonly scope: KeyScope;
  /** Not to be used from here on, however long its cache would keep it. */
  readonly endsAtMs: number;
  /** Until when the store keeps it, as far as is known. */
  keptUntilMs: number;
}

/** What token keys are kept with. */
export interface KeyRecords {
  readonly records: Records;
  readonly provider: Pick<KeyProvider, 'generate' | 'unwrap'>;
  readonly names: () => TokenNames;
  readonly now: () => number;
}

/** A token key as it lies in the store. */
export interface WrappedKey {
  readonly name: string;
  readonly scope: KeyScope;
  readonly keyRef: string;
  readonly wrapped: Uint8Array;
  readonly createdAtMs: number;
  readonly keptUntilMs: number;
}

/** The key that seals at a time. */
export interface SealingKey {
  readonly name: string;
  readonly day: number;
  /** When the next one takes over. */
  readonly endsAtMs: number;
}

/** Which key is to be found or made. */
export interface Minting {
  readonly scope: KeyScope;
  readonly at: SealingKey;
  /** The store keeps it so long at least. */
  readonly untilMs: number;
}

/** Which key seals now. */
export function nameNow(names: TokenNames, scope: KeyScope, nowMs: number): SealingKey {
  const whose = names.blind('scope', scope.client, scope.provider, scope.service, scope.kmsKeyId);
  const offsetMs = Buffer.from(whose.slice(0, 8), 'base64url').readUInt32BE() % dayMs;
  const day = Math.floor((nowMs + offsetMs) / dayMs);
  return { name: nameOf(names, whose, day), day, endsAtMs: (day + 1) * dayMs - offsetMs };
}

/** The key of this name. `undefined` when the store has none. @throws Refusal `open_failed` when it is of another client or provider */
export async function readKey(
  { records, names }: KeyRecords,
  name: string,
  whose: TokenOf,
): Promise<WrappedKey | undefined> {
  const stored = await records.get(recordOf(name));
  return stored && wrappedIn(names(), name, whose, stored);
}

/**
 * The key that seals for this scope now, made when there is none: of any number of instances one makes it.
 *
 * @returns `bytes` when it was made here; the caller wipes them
 */
export async function readOrMint(
  parts: KeyRecords,
  { scope, at: { name, day, endsAtMs }, untilMs }: Minting,
): Promise<WrappedKey & { readonly bytes?: Buffer }> {
  const names = parts.names();
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const found = await readKey(parts, name, scope);
    if (found !== undefined) return found;
    const made = await generate(parts, name, scope);
    const { keyRef, wrapped, createdAtMs } = made;
    const text = [scope.service, scope.kmsKeyId, day, keyRef, toText(wrapped), createdAtMs];
    const sealed = names.sealBeside(recordOf(name), Buffer.from(JSON.stringify(text)));
    const keptUntilMs = Math.max(endsAtMs, untilMs) + hourMs;
    const owners = [names.blind('client', scope.client)];
    let isOurs = false;
    try {
      const write = { endsAtMs: keptUntilMs, owners, guard: { ifAbsent: true } } as const;
      isOurs = (await parts.records.put(recordOf(name), sealed, write)) !== undefined;
    } finally {
      if (!isOurs) made.bytes.fill(0);
    }
    if (isOurs) return { ...made, keptUntilMs };
  }
  throw refuse('store_unavailable', 'the store of tokens does not keep what is written to it');
}

/** See to it that the store keeps the key until then. Never shortens: of two that extend at once the later end stands. */
export async function keepUntil({ records }: KeyRecords, key: TokenKey, untilMs: number): Promise<void> {
  const record = recordOf(key.version);
  for (let attempt = 0; key.keptUntilMs < untilMs; attempt += 1) {
    const stored = await records.get(record);
    if (stored === undefined || attempt >= attemptsMax)
      throw refuse('key_unavailable', 'the key of this token was removed from the store', 'extending it');
    const { bytes, owners, revision } = stored;
    const endsAtMs = Math.max(stored.endsAtMs, untilMs + hourMs);
    const done =
      stored.endsAtMs >= untilMs ||
      (await records.put(record, bytes, { endsAtMs, owners, guard: { ifRevision: revision } })) !== undefined;
    if (done) key.keptUntilMs = endsAtMs;
  }
}

/** Ask the key service. @returns bytes that the caller wipes */
export async function unwrapKey({ provider, names }: KeyRecords, key: WrappedKey): Promise<Buffer> {
  const { name, scope, keyRef, wrapped } = key;
  const context = contextOf(names().deployment, name, scope);
  try {
    return await provider.unwrap({ tenant: scope.client, keyRef, wrapped, context });
  } catch (error) {
    if (error instanceof Refusal && error.code !== 'key_unavailable') throw changed(error);
    throw error;
  }
}

/** Put the bytes of a key into use; they are wiped. */
export function useKey(key: WrappedKey, bytes: Buffer, endsAtMs: number): TokenKey {
  const { name, scope, createdAtMs, keptUntilMs } = key;
  return { key: dataKey(bytes, 1), version: name, createdAtMs, live: true, scope, endsAtMs, keptUntilMs };
}

async function generate({ provider, names, now }: KeyRecords, name: string, scope: KeyScope) {
  const { client, kmsKeyId } = scope;
  const context = contextOf(names().deployment, name, scope);
  const made = await provider.generate({
    tenant: client,
    context,
    ...(kmsKeyId === '' ? {} : { keyRef: kmsKeyId }),
  });
  const { plaintext: bytes, wrapped, keyRef } = made;
  return { name, scope, keyRef, wrapped, createdAtMs: now(), bytes };
}

function wrappedIn(
  names: TokenNames,
  name: string,
  { client, provider }: TokenOf,
  stored: StoredRecord,
): WrappedKey {
  const text = besideOf(names, name, stored.bytes);
  const [service, kmsKeyId, day, keyRef, wrapped, createdAtMs] = JSON.parse(text) as [
    string,
    string,
    number,
    string,
    string,
    number,
  ];
  const scope = { client, provider, service, kmsKeyId };
  if (nameOf(names, names.blind('scope', client, provider, service, kmsKeyId), day) !== name)
    throw openFailed('the token names a key of another client or provider');
  return { name, scope, keyRef, wrapped: fromText(wrapped), createdAtMs, keptUntilMs: stored.endsAtMs };
}

function besideOf(names: TokenNames, name: string, bytes: Uint8Array): string {
  try {
    return names.openBeside(recordOf(name), bytes).toString();
  } catch (error) {
    throw error instanceof Refusal ? changed(error) : error;
  }
}

// Not the token's fault: `open_failed` is said of tokens alone.
function changed(error: Refusal): Refusal {
  return refuse(
    'key_unavailable',
    'the key of this token cannot be opened; its record was changed, or the key service in use is another one',
    `tokens.key: ${error.code}: ${error.detail ?? error.message}`,
    error,
  );
}

function nameOf(names: TokenNames, whose: string, day: number): string {
  return names.blind('key', whose, String(day));
}

function recordOf(name: string): string {
  return `tokens.key.${name}`;
}

function contextOf(deployment: string, version: string, scope: KeyScope): KeyContext {
  const { client, provider, service } = scope;
  const details = { client_id: client, api_provider: provider, service };
  return { deployment, tenant: client, purpose: 'token', version, details };
}
