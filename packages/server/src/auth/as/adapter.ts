import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';
import { Refusal } from '@sealgate/vault';
import { errors } from './provider-library.ts';
import type { Kept, Payload, Shelf } from './shelf.ts';

// The provider's storage contract on the two shelves. Two promises that the provider itself does not make: of any number
// of racing redemptions one wins (`consume` is a compare-and-set and the losers see `invalid_grant`, not a fault), and a
// replay mark can be set once.

/** The short while in which a used refresh token is answered alike (`reuse.ts`). */
export interface Reuse {
  /** How long after its use a refresh token stays in the store at least, also past its own end. */
  readonly keptSeconds: number;
  /** Whether the token was used not long before this request arrived, by a public client, and this is that client's refresh. */
  spares(payload: Payload): boolean;
  /**
   * Wait for the answer that the use of a token led to.
   *
   * @returns `answered` also when its grant was ended; `abandoned`: nobody is going to answer any more
   */
  outcome(token: string, used: Kept): Promise<'answered' | 'abandoned'>;
}

/** What the adapter stands on. */
export interface AdapterParts {
  readonly lasting: Shelf;
  readonly passing: Shelf;
  readonly now: () => number;
  /** What is made of a refresh token that was used a moment ago (`reuse.ts`). */
  readonly reuse: Reuse;
  /** Told when tokens may have ceased to be valid. */
  readonly revoked: () => Promise<void>;
}

const lastingModels = new Set([
  'Client',
  'Grant',
  'InitialAccessToken',
  'RefreshToken',
  'RegistrationAccessToken',
]);

/** What an access token's validity hangs on. */
const validity = new Set(['AccessToken', 'Client', 'Grant']);

/** Owner names, as the shelves find them again. */
export const ownedBy = {
  client: (id: string): string => `client:${id}`,
  account: (id: string): string => `account:${id}`,
  grant: (id: string): string => `grant:${id}`,
  /** Grants alone: whether a client was ever let in. */
  grantsOf: (client: string): string => `grants-of:${client}`,
  /** What one model has of a grant, which the provider removes model by model. */
  modelOf: (model: string, grant: string): string => `${model}-of:${grant}`,
} as const;

/** One adapter for each model. */
export function openAdapter(parts: AdapterParts): AdapterFactory {
  return (model) => adapterOf(model, parts);
}

function adapterOf(model: string, parts: AdapterParts): Adapter {
  const shelf = lastingModels.has(model) ? parts.lasting : parts.passing;
  const nameOf = (id: string): string => `${model}:${id}`;
  const find = async (id: string): Promise<AdapterPayload | undefined> => {
    const found = await shelf.get(nameOf(id));
    if (found === undefined) return undefined;
    if (model !== 'RefreshToken' || !parts.reuse.spares(found.payload))
      return found.payload as AdapterPayload;
    // Absent, so that its replay does not end the family; or as it was before whoever used it died.
    if ((await parts.reuse.outcome(id, found)) === 'answered') return undefined;
    const { consumed: _, ...unused } = found.payload;
    return unused as AdapterPayload;
  };
  return {
    find,
    async findByUid(uid) {
      const pointer = await shelf.get(`${model}Uid:${uid}`);
      return pointer === undefined ? undefined : find(String(pointer.payload['id']));
    },
    // The device flow is off.
    findByUserCode: async () => undefined,
    async upsert(id, payload, expiresIn) {
      const endsAtMs = expiresIn === undefined ? undefined : parts.now() + expiresIn * 1000;
      const owners = ownersOf(model, id, payload);
      const once = model === 'ReplayDetection' ? { guard: { ifAbsent: true } as const } : {};
      if (!(await shelf.put(nameOf(id), payload as Payload, { endsAtMs, owners, ...once })))
        throw new errors.InvalidGrant('a proof was used twice');
      if (payload.uid !== undefined)
        await shelf.put(`${model}Uid:${payload.uid}`, { id }, { endsAtMs, owners });
    },
    async consume(id) {
      const won = await consume({ shelf, model, id }, parts);
      if (won) return;
      const grantId = (await shelf.get(nameOf(id)))?.payload['grantId'];
      // Whoever came first may not be whom the code was meant for (RFC 6749 §4.1.2), and nobody can tell.
      if (model === 'AuthorizationCode' && typeof grantId === 'string')
        await adapterOf('Grant', parts).destroy(grantId);
      throw new errors.InvalidGrant('it was used already');
    },
    async destroy(id) {
      await shelf.remove(nameOf(id));
      if (model === 'Client') await removeEverything(parts, ownedBy.client(id));
      if (model === 'Grant') await removeEverything(parts, ownedBy.grant(id));
      if (validity.has(model)) await parts.revoked();
    },
    async revokeByGrantId(grantId) {
      await shelf.removeOwned(ownedBy.modelOf(model, grantId));
      await parts.revoked();
    },
  };
}

/** Remove all that an owner has, on both shelves. */
export async function removeEverything(
  { lasting, passing }: Pick<AdapterParts, 'lasting' | 'passing'>,
  owner: string,
): Promise<void> {
  await Promise.all([lasting.removeOwned(owner), passing.removeOwned(owner)]);
}

/** Each lost attempt is somebody else's won one; so many in a row is a store that does not answer truthfully. */
const attemptsMax = 100;

/** @returns whether it is this request that has used it */
async function consume(
  { shelf, model, id }: { readonly shelf: Shelf; readonly model: string; readonly id: string },
  { now, reuse }: AdapterParts,
): Promise<boolean> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const found = await shelf.get(`${model}:${id}`);
    if (found === undefined) return false;
    const payload = found.payload as AdapterPayload;
    if (payload.consumed !== undefined) {
      const spared = model === 'RefreshToken' && reuse.spares(found.payload);
      if (!spared || (await reuse.outcome(id, found)) === 'answered') return false;
    }
    // Who takes it over does not begin the interval anew.
    const consumed = (payload.consumed as number | undefined) ?? Math.floor(now() / 1000);
    const keptUntil = model === 'RefreshToken' ? consumed + reuse.keptSeconds : 0;
    const used = { ...found.payload, consumed };
    const won = await shelf.put(`${model}:${id}`, used, {
      endsAtMs: payload.exp === undefined ? undefined : Math.max(payload.exp, keptUntil) * 1000,
      owners: ownersOf(model, id, payload),
      guard: { ifRevision: found.revision },
    });
    if (won) return true;
  }
  throw new Refusal('store_unavailable', 'a token is changed too often', `${attemptsMax} attempts lost`);
}

function ownersOf(model: string, id: string, payload: AdapterPayload): readonly string[] {
  const { clientId, accountId, grantId } = payload;
  const client = typeof clientId === 'string' && clientId !== '' ? clientId : undefined;
  const owners = [
    ...(client === undefined ? [] : [ownedBy.client(client)]),
    ...(accountId === undefined ? [] : [ownedBy.account(accountId)]),
    ...(grantId === undefined ? [] : [ownedBy.grant(grantId), ownedBy.modelOf(model, grantId)]),
    ...(model === 'Grant' && client !== undefined ? [ownedBy.grantsOf(client)] : []),
    ...(model === 'Grant' ? [ownedBy.grant(id)] : []),
  ];
  return [...new Set(owners)];
}
