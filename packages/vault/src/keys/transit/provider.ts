import { refuse } from '../../refusal.ts';
import { openFailed } from '../../seal/gcm.ts';
import { refuseOtherLength, sameTenant, sortedDetails } from '../key-context.ts';
import type { KeyContext, KeyProvider, RootKey } from '../provider.ts';
import { checkPlace, readKey, type KeyPlace, type TransitKeyState } from './key.ts';
import { openSession, type LogIn, type Session } from './login.ts';
import { notUnderstood, refusalOf } from './refusals.ts';
import { serverAt, type ServerAddress } from './server.ts';

// A tenant key is wrapped by a key of the transit engine that is derived for its context: another context is another
// key there, so nothing else opens. What is kept is the engine's own text, `vault:vN:` and base64 (nonce, key, tag).

const keyBytes = 32;
const label = 'sealgate tenant key 1';
// Exactly as the engine writes it: its decoder skips line breaks and takes `v0` for `v1`.
const cipherText = /^vault:v[1-9]\d{0,8}:[A-Za-z0-9+/]{80}$/u;

/** What {@link openTransit} needs to know. */
export interface TransitOptions extends ServerAddress {
  /** Where the transit engine is mounted; `transit` when not given. */
  readonly mount?: string | undefined;
  /** Name of the key. */
  readonly key: string;
  readonly logIn: LogIn;
  /** `Date.now` when not given. */
  readonly now?: (() => number) | undefined;
  /** Run something once after a time, and give what calls it off; timers of Node when not given. */
  readonly later?: ((delayMs: number, run: () => void) => () => void) | undefined;
}

/** The root key in a transit engine. */
export interface TransitKey extends RootKey, TransitKeyState {}

/** The provider `transit`. */
export interface TransitProvider extends KeyProvider {
  describe(): Promise<readonly TransitKey[]>;
}

/**
 * The provider `transit`: the root key lies in the transit engine of HashiCorp Vault or OpenBao and never leaves it. It
 * logs in, and looks at the key once; its `keyRef` is `mount/key`, for all versions of the key.
 *
 * @throws Refusal `key_unavailable`; `key_weak` for a key that is not of type `aes256-gcm96`, not derived, exportable,
 *   convergent, or allows a backup in plain text
 */
export async function openTransit(options: TransitOptions): Promise<TransitProvider> {
  const { mount = 'transit', key, logIn, now = Date.now, later = nodeTimer } = options;
  const place = { mount, key };
  checkPlace(place);
  const server = serverAt(options);
  try {
    const session = await openSession({ server, logIn, now, later });
    try {
      await readKey(session, place);
      return provider(session, place, () => server.close());
    } catch (error) {
      await session.close();
      throw error;
    }
  } catch (error) {
    server.close();
    throw error;
  }
}

function provider(session: Session, place: KeyPlace, ended: () => void): TransitProvider {
  const { mount, key } = place;
  const ownRef = `${mount}/${key}`;
  const ask = async (operation: string, body: Readonly<Record<string, string>>): Promise<Data> => {
    const path = `${mount}/${operation}/${key}`;
    const answer = await session.ask({ method: 'POST', path, body });
    if (answer.status !== 200) throw refusalOf(answer, path);
    return (answer.body?.['data'] ?? {}) as Data;
  };
  return {
    name: 'transit',
    async generate({ tenant, keyRef = ownRef, context: named }) {
      const context = bound(tenant, named);
      sameKey(keyRef, ownRef);
      const data = await ask('datakey/plaintext', { context });
      const wrapped = wrappedOf(data);
      return { plaintext: keyOf(data), wrapped, keyRef };
    },
    async wrap({ tenant, keyRef = ownRef, plaintext, context: named }) {
      const context = bound(tenant, named);
      refuseOtherLength(plaintext);
      sameKey(keyRef, ownRef);
      const data = await ask('encrypt', { context, plaintext: base64(plaintext) });
      return { wrapped: wrappedOf(data), keyRef };
    },
    async unwrap({ tenant, keyRef, wrapped, context: named }) {
      const context = bound(tenant, named);
      sameKey(keyRef, ownRef);
      return keyOf(await ask('decrypt', { context, ciphertext: cipherOf(wrapped) }));
    },
    async rewrap({ tenant, keyRef, wrapped, context: named }) {
      const context = bound(tenant, named);
      sameKey(keyRef, ownRef);
      return { wrapped: wrappedOf(await ask('rewrap', { context, ciphertext: cipherOf(wrapped) })), keyRef };
    },
    async describe() {
      const state = await readKey(session, place);
      const latest = state.versions.find(({ version }) => version === state.latestVersion);
      return [{ keyRef: ownRef, active: true, createdAtMs: latest?.createdAtMs, ...state }];
    },
    async close() {
      await session.close();
      ended();
    },
  };
}

type Data = Readonly<Record<string, unknown>>;

/** What the engine derives the key from: JSON of arrays of well-formed texts, so no two contexts are the same. */
function bound(tenant: string, context: KeyContext): string {
  sameTenant(tenant, context);
  const { deployment, purpose, version } = context;
  const fields = [label, deployment, tenant, purpose, version];
  if (!fields.every((field) => field.isWellFormed())) throw openFailed('a context field is not well-formed');
  return base64(Buffer.from(JSON.stringify([...fields, sortedDetails(context)])));
}

function sameKey(keyRef: string, ownRef: string): void {
  if (keyRef === ownRef) return;
  throw refuse(
    'key_unavailable',
    'the root key in use does not belong to this data; bring back the transit key it was sealed with',
    `provider transit uses ${ownRef}, not ${keyRef}`,
  );
}

function cipherOf(wrapped: Uint8Array): string {
  const text = Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.byteLength).toString('latin1');
  if (!cipherText.test(text)) throw openFailed('the wrapped key is none of the transit engine');
  return text;
}

function wrappedOf({ ciphertext }: Data): Buffer {
  if (typeof ciphertext !== 'string' || !cipherText.test(ciphertext)) throw notUnderstood('no ciphertext');
  return Buffer.from(ciphertext, 'latin1');
}

function keyOf({ plaintext }: Data): Buffer {
  const bytes = Buffer.alloc(keyBytes + 1);
  const length = typeof plaintext === 'string' ? bytes.write(plaintext, 'base64') : 0;
  if (length !== keyBytes) throw notUnderstood(`a key of ${length} bytes`);
  return bytes.subarray(0, keyBytes);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function nodeTimer(delayMs: number, run: () => void): () => void {
  const timer = setTimeout(run, delayMs).unref();
  return () => clearTimeout(timer);
}
