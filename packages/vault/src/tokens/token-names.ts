import { hkdfSync, randomUUID } from 'node:crypto';
import { blinder } from '../keys/blind.ts';
import { systemTenant } from '../keys/system-tenant.ts';
import { contextAt } from '../keys/place.ts';
import type { KeyContext, KeyProvider } from '../keys/provider.ts';
import { recentNames } from '../keys/recent-names.ts';
import { Refusal, refuse } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import { dataKey } from '../seal/open-key.ts';
import { fromText, toText } from '../seal/text-form.ts';
import type { Records, StoredRecord } from '../store/records.ts';

// What all instances on one store share, in a record that is made once:
//
//   tokens.names   JSON: id of the deployment · keyRef · wrapped (base64url) · a mark, where a store had lost it
//
// The key in it is asked of the key service when an instance starts. Client ids and providers are blinded with it, and what
// is kept beside a wrapped token key is sealed under it. It opens no token.

const recordName = 'tokens.names';
const dayMs = 24 * 60 * 60 * 1000;
const lifeMs = 400 * dayMs;
const attemptsMax = 5;

/** Names nobody can read, and a seal for what stands beside keys. */
export interface TokenNames {
  /** Opaque id of everything under these names. */
  readonly deployment: string;
  /** base64url, 43 characters; different for different purposes and parts. Kept for a moment. */
  blind(purpose: string, ...parts: readonly string[]): string;
  sealBeside(record: string, plaintext: Uint8Array): Buffer;
  /** @throws Refusal `open_failed` */
  openBeside(record: string, sealed: Uint8Array): Buffer;
}

/** What names are kept with. */
export interface NamesParts {
  readonly records: Records;
  readonly provider: Pick<KeyProvider, 'generate' | 'unwrap'>;
  readonly now: () => number;
}

/** The names of one instance. */
export interface NamesInUse {
  readonly current: TokenNames;
  /**
   * Look whether they are still those of the store: a store that has lost them gets them back, and others are taken over.
   *
   * @returns whether what was read from the store before counts no more
   * @throws Refusal `key_unavailable`, `store_unavailable`
   */
  look(): Promise<boolean>;
}

/**
 * Find the names of a store, or make them.
 *
 * @throws Refusal `key_unavailable`, `store_unavailable`
 */
export async function openNames(parts: NamesParts): Promise<NamesInUse> {
  let kept = (await readOrMint(parts)).bytes;
  let current = await namesIn(parts, kept);
  return {
    get current() {
      return current;
    },
    async look() {
      const found = await parts.records.get(recordName);
      if (found !== undefined && Buffer.compare(found.bytes, kept) === 0) {
        if (found.endsAtMs < parts.now() + lifeMs / 2)
          await parts.records.extend(recordName, parts.now() + lifeMs);
        return false;
      }
      if (found === undefined) {
        // With them the store has lost its keys, and nothing may be sealed under those any more. The mark says so to whoever
        // looks when they are there again.
        kept = marked(kept);
        await put(parts, kept);
        return true;
      }
      current = await namesIn(parts, found.bytes);
      kept = found.bytes;
      return true;
    },
  };
}

async function readOrMint(parts: NamesParts): Promise<StoredRecord> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const found = await parts.records.get(recordName);
    if (found !== undefined) return found;
    const deployment = randomUUID();
    const context = contextOf(deployment);
    const { plaintext, wrapped, keyRef } = await parts.provider.generate({ tenant: systemTenant, context });
    plaintext.fill(0);
    await put(parts, Buffer.from(JSON.stringify([deployment, keyRef, toText(wrapped)])));
  }
  throw refuse('store_unavailable', 'the store of tokens does not keep what is written to it');
}

// Lost to another instance when there are names already: they are read next.
async function put({ records, now }: NamesParts, bytes: Uint8Array): Promise<void> {
  await records.put(recordName, bytes, { endsAtMs: now() + lifeMs, guard: { ifAbsent: true } });
}

async function namesIn({ provider }: NamesParts, bytes: Uint8Array): Promise<TokenNames> {
  const { deployment, keyRef, wrapped } = readText(bytes);
  const request = { tenant: systemTenant, keyRef, wrapped, context: contextOf(deployment) };
  const plaintext = await provider.unwrap(request).catch(notOurs);
  const derived = Buffer.from(hkdfSync('sha256', plaintext, '', 'sealgate token names v1', 64));
  plaintext.fill(0);
  // The blinder wipes what it takes over, and so does the key.
  const blind = blinder(derived.subarray(0, 32));
  const key = dataKey(derived.subarray(32), 1);
  const placeOf = (record: string) => ({
    tenant: systemTenant,
    subject: '',
    table: 'tokens',
    record,
    field: 'key',
    epoch: 0,
  });
  const recent = recentNames(key);
  return {
    deployment,
    blind(purpose, ...parts) {
      const text = JSON.stringify(parts);
      return recent.get(`${purpose} ${text}`, () => blind(`token ${purpose}`, text));
    },
    sealBeside: (record, beside) =>
      key.seal('record', contextAt(deployment, 'record', placeOf(record)), beside),
    openBeside: (record, sealed) =>
      key.open('record', contextAt(deployment, 'record', placeOf(record)), sealed),
  };
}

function contextOf(deployment: string): KeyContext {
  const details = { client_id: systemTenant, api_provider: systemTenant, service: systemTenant };
  return { deployment, tenant: systemTenant, purpose: 'token_names', version: '1', details };
}

function readText(bytes: Uint8Array) {
  try {
    const [deployment, keyRef, wrapped] = JSON.parse(Buffer.from(bytes).toString()) as unknown[];
    if (typeof deployment === 'string' && typeof keyRef === 'string' && typeof wrapped === 'string')
      return { deployment, keyRef, wrapped: fromText(wrapped) };
  } catch (error) {
    return notOurs(error);
  }
  return notOurs(openFailed('the names of tokens are damaged'));
}

function marked(bytes: Uint8Array): Buffer {
  const { deployment, keyRef, wrapped } = readText(bytes);
  return Buffer.from(JSON.stringify([deployment, keyRef, toText(wrapped), randomUUID()]));
}

function notOurs(error: unknown): never {
  if (error instanceof Refusal && (error.code === 'key_unavailable' || error.code === 'store_unavailable'))
    throw error;
  throw refuse(
    'key_unavailable',
    'what this store of tokens holds was not written with the key service in use, or was changed',
    error instanceof Refusal ? `${recordName}: ${error.detail ?? error.message}` : `${recordName} is no JSON`,
    error,
  );
}
