import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';
import { errors } from './provider-library.ts';
import type { Payload, Shelf } from './shelf.ts';

// The provider's storage contract on the two shelves. Two promises that the provider itself does not make: of any number
// of racing redemptions one wins (`consume` is a compare-and-set and the losers see `invalid_grant`, not a fault), and a
// replay mark can be set once.

/** What the adapter stands on. */
export interface AdapterParts {
  readonly lasting: Shelf;
  readonly passing: Shelf;
  readonly now: () => number;
  /** Whether a consumed refresh token is to look absent, so that its replay does not end the family (`reuse.ts`). */
  readonly spared: (payload: Payload) => boolean;
  /** Told when tokens may have ceased to be valid. */
  readonly revoked: () => void;
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
    if (found === undefined || (model === 'RefreshToken' && parts.spared(found.payload))) return undefined;
    return found.payload as AdapterPayload;
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
    consume: (id) => consume(shelf, nameOf(id), ownersFor(model, id), parts.now),
    async destroy(id) {
      await shelf.remove(nameOf(id));
      if (model === 'Client') await removeEverything(parts, ownedBy.client(id));
      if (model === 'Grant') await removeEverything(parts, ownedBy.grant(id));
      if (validity.has(model)) parts.revoked();
    },
    async revokeByGrantId(grantId) {
      await shelf.removeOwned(ownedBy.modelOf(model, grantId));
      parts.revoked();
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

async function consume(
  shelf: Shelf,
  name: string,
  ownersFrom: (payload: AdapterPayload) => readonly string[],
  now: () => number,
): Promise<void> {
  const found = await shelf.get(name);
  const payload = found?.payload as AdapterPayload | undefined;
  if (found === undefined || payload === undefined || payload.consumed !== undefined)
    throw new errors.InvalidGrant('it was used already');
  const consumed = { ...found.payload, consumed: Math.floor(now() / 1000) };
  const won = await shelf.put(name, consumed, {
    endsAtMs: payload.exp === undefined ? undefined : payload.exp * 1000,
    owners: ownersFrom(payload),
    guard: { ifRevision: found.revision },
  });
  if (!won) throw new errors.InvalidGrant('it was used already');
}

function ownersFor(model: string, id: string): (payload: AdapterPayload) => readonly string[] {
  return (payload) => ownersOf(model, id, payload);
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
