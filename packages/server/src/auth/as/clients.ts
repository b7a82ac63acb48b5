import { randomBytes } from 'node:crypto';
import type { Provider } from 'oidc-provider';
import type { ClientLine } from '../../domain/admin-answers.ts';
import { refuse } from '../../errors.ts';
import { ownedBy, removeEverything } from './adapter.ts';
import { originMember, policyFor, type ClientOrigin } from './registration.ts';
import type { Payload, Shelf, tablesShelf } from './shelf.ts';

// The clients of this deployment. Those that registered themselves and were never let in are collected after a day. One
// that describes itself by a document has no row of its own: what people saw of it when they agreed is noted, so that it
// can be listed without fetching anything.

const unusedMs = 24 * 3600_000;
/** As long as a grant lives. */
const agreedMs = 180 * 24 * 3600_000;

/** A client to be added by hand. */
export interface NewClient {
  readonly name: string;
  readonly redirectUris: readonly string[];
  /** It can keep a secret and gets one. */
  readonly confidential: boolean;
}

/** The clients, for administration and for whoever asks whether one may still come in. */
export interface Clients {
  /** Those that have a row, and those known by a document that somebody agreed to and has not ended. */
  list(): Promise<readonly ClientLine[]>;
  /** Note what a client known by a document showed of itself when somebody agreed to it; nothing for any other. */
  noteAgreed(client: Pick<ClientLine, 'id' | 'name' | 'redirectUris'>): Promise<void>;
  /** @returns the id, and the secret of a confidential client: this once. @throws Refusal `client_invalid` */
  add(client: NewClient): Promise<{ readonly id: string; readonly secret: string | undefined }>;
  /** Remove it with everything it was given; one that describes itself by a document is kept out from now on. `false`: unknown. */
  remove(id: string): Promise<boolean>;
  /** Whether it may come in. */
  stands(id: string): Promise<boolean>;
  /** A token that lets one program register. */
  invite(): Promise<string>;
  /** Remove those that registered themselves and were not let in within a day. @returns how many */
  collect(): Promise<number>;
}

/** What the clients are kept in. */
export interface ClientParts {
  readonly lasting: ReturnType<typeof tablesShelf>;
  readonly passing: Shelf;
  readonly provider: () => Provider;
  readonly revoked: () => Promise<void>;
  readonly now: () => number;
}

/** Open the clients. */
export function openClients(parts: ClientParts): Clients {
  const { lasting, now, revoked } = parts;
  const remove = async (id: string): Promise<void> => {
    await lasting.remove(`Client:${id}`);
    await removeEverything(parts, ownedBy.client(id));
  };
  return {
    list: () => list(parts),
    add: (client) => add(client, parts),
    noteAgreed: (client) => noteAgreed(client, parts),
    async remove(id) {
      const known = (await lasting.get(`Client:${id}`)) !== undefined;
      const document = isDocument(id);
      if (!known && !document) return false;
      if (document)
        await lasting.put(`ClientDenied:${id}`, { client_id: id }, { endsAtMs: undefined, owners: [] });
      await remove(id);
      await revoked();
      return true;
    },
    async stands(id) {
      if (isDocument(id)) return (await lasting.get(`ClientDenied:${id}`)) === undefined;
      return (await lasting.get(`Client:${id}`)) !== undefined;
    },
    async invite() {
      const { InitialAccessToken } = parts.provider();
      return new InitialAccessToken({ policies: ['token'] }).save();
    },
    async collect() {
      let collected = 0;
      for await (const payload of lasting.scan('Client')) {
        const { id, origin, addedAtMs } = lineOf(payload);
        if (origin !== 'open' || addedAtMs + unusedMs > now()) continue;
        if (await lasting.owns(ownedBy.grantsOf(id))) continue;
        await remove(id);
        collected += 1;
      }
      // They had nothing: it is said once for all of them, for one that was let in meanwhile.
      if (collected > 0) await revoked();
      return collected;
    },
  };
}

async function list({ lasting }: ClientParts): Promise<readonly ClientLine[]> {
  const lines: ClientLine[] = [];
  for await (const payload of lasting.scan('Client')) lines.push(lineOf(payload));
  for await (const payload of lasting.scan('ClientAgreed'))
    if (await lasting.owns(ownedBy.grantsOf(String(payload['client_id']))))
      lines.push({ ...lineOf(payload), origin: 'document', confidential: false });
  return lines.toSorted((a, b) => a.name.localeCompare(b.name, 'en') || a.id.localeCompare(b.id, 'en'));
}

async function noteAgreed(
  { id, name, redirectUris }: Pick<ClientLine, 'id' | 'name' | 'redirectUris'>,
  { lasting, now }: ClientParts,
): Promise<void> {
  if (!isDocument(id)) return;
  const before = (await lasting.get(`ClientAgreed:${id}`))?.payload;
  const seen = {
    client_id: id,
    client_name: name,
    redirect_uris: redirectUris,
    client_id_issued_at: before?.['client_id_issued_at'] ?? Math.floor(now() / 1000),
  };
  const endsAtMs = now() + agreedMs;
  await lasting.put(`ClientAgreed:${id}`, seen, { endsAtMs, owners: [ownedBy.client(id)] });
}

async function add(
  { name, redirectUris, confidential }: NewClient,
  { provider, lasting, now }: ClientParts,
): Promise<{ readonly id: string; readonly secret: string | undefined }> {
  const id = randomBytes(16).toString('base64url');
  const secret = confidential ? randomBytes(32).toString('base64url') : undefined;
  const metadata: Record<string, unknown> = {
    client_id: id,
    client_id_issued_at: Math.floor(now() / 1000),
    client_name: name,
    redirect_uris: [...redirectUris],
    token_endpoint_auth_method: confidential ? 'client_secret_basic' : 'none',
    ...(secret === undefined ? {} : { client_secret: secret, client_secret_expires_at: 0 }),
  };
  try {
    policyFor('admin')(undefined, metadata);
    // The provider's own rules; the class is there, its constructor is not in the types.
    const Client = provider().Client as unknown as new (metadata: object) => object;
    new Client(metadata);
  } catch (error) {
    const said = (error as { error_description?: string }).error_description;
    throw refuse('client_invalid', said ?? 'the client is not described as one', String(error), error);
  }
  await lasting.put(`Client:${id}`, metadata, { endsAtMs: undefined, owners: [ownedBy.client(id)] });
  return { id, secret };
}

function lineOf(payload: Payload): ClientLine {
  const { client_id, client_name, redirect_uris, client_id_issued_at, token_endpoint_auth_method } = payload;
  return {
    id: String(client_id),
    name: String(client_name ?? client_id),
    redirectUris: Array.isArray(redirect_uris) ? redirect_uris.map(String) : [],
    origin: payload[originMember] as ClientOrigin,
    confidential: token_endpoint_auth_method !== 'none',
    addedAtMs: Number(client_id_issued_at ?? 0) * 1000,
  };
}

function isDocument(id: string): boolean {
  return id.startsWith('https://');
}
