import { everyPage, type ItemOf, type Query, type SealedTables, type Sealer } from '@sealgate/vault';
import { refuse } from '../errors.ts';

// What people have granted us at providers (`oauth_tokens`): one row for each account. Tokens lie sealed at their row's
// own place, and a new grant in a row raises its epoch, so that tokens of an older one do not open there.
//
//   providerKey: provider#email · provider#email#connectionId for further connections of the address
//                provider##connectionId without an address
//
// The address in the key, and `accountEmail` by which rows are found, are blinded; `account` holds it sealed. Neither a
// blinded address nor a connection id holds a `#`: no two accounts share a key.

const providerForm = /^[a-z0-9_-]{1,64}$/;
const connectionForm = /^[A-Za-z0-9_-]{1,64}$/;
const addressForm = /^[^@\s]{1,64}@[^@#\s]{1,253}$/;
/** Each lost attempt is another grant for the same account. */
const attemptsMax = 20;

/** An account at a provider. */
export interface Account {
  readonly provider: string;
  /** As `normalAddress` gives it; `undefined` when the provider says none. */
  readonly accountEmail?: string | undefined;
  readonly connectionId: string;
}

/** What a provider granted. The bytes are the caller's to wipe. */
export interface Granted extends Account {
  readonly userId: string;
  /** Whose keys seal the tokens. */
  readonly groupId: string;
  readonly accessToken: Uint8Array;
  readonly refreshToken?: Uint8Array | undefined;
  /** `undefined`: the provider did not say. */
  readonly expiresAtMs?: number | undefined;
  readonly scopes: readonly string[];
}

/** A row, with its tokens and its address sealed. */
export type TokenRow = ItemOf<'oauth_tokens'>;

/** The grants of people at providers. */
export interface OauthTokens {
  /** Keep a new grant; one for the same connection replaces the older. Returns the row's `providerKey`. @throws Refusal `request_invalid` */
  save(granted: Granted): Promise<string>;
  get(userId: string, providerKey: string): Promise<TokenRow | undefined>;
  /** All rows of a person. */
  list(userId: string): Promise<readonly TokenRow[]>;
  /** Rows of an address at a provider, of any person: a look-up that may lag behind, not a proof of who somebody is. */
  findByAccount(provider: string, accountEmail: string): Promise<readonly TokenRow[]>;
  /** Tokens in buffers of their own, which the caller wipes. @throws Refusal `open_failed`, `key_unavailable` */
  open(row: TokenRow): Promise<OpenedTokens>;
  remove(userId: string, providerKey: string): Promise<boolean>;
}

/** What lies sealed in a row. */
export interface OpenedTokens {
  readonly accessToken: Buffer;
  readonly refreshToken: Buffer | undefined;
  readonly accountEmail: string | undefined;
}

/** What grants stand on. */
export interface OauthTokenParts {
  readonly tables: SealedTables;
  readonly sealer: Pick<Sealer, 'blind'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

type Blind = (accountEmail: string) => string;

/** Open the grants that lie in these tables. */
export function openOauthTokens(parts: OauthTokenParts): OauthTokens {
  const { tables, sealer } = parts;
  const blind: Blind = (accountEmail) => sealer.blind('oauth_tokens.accountEmail', accountEmail);
  return {
    save: (granted) => save(parts, granted, blind),
    get: async (userId, providerKey) => (await tables.get('oauth_tokens', { userId, providerKey }))?.item,
    list: (userId) => allOf(tables, { partition: userId }),
    findByAccount: (provider, accountEmail) =>
      allOf(tables, {
        index: 'accountEmail-index',
        partition: provider,
        range: { between: [blind(accountEmail), blind(accountEmail)] },
      }),
    async open(row) {
      const openOf = async (field: 'refreshToken' | 'account'): Promise<Buffer | undefined> =>
        row[field] === undefined ? undefined : tables.openField('oauth_tokens', row, field);
      const accessToken = await tables.openField('oauth_tokens', row, 'accessToken');
      const refreshToken = await openOf('refreshToken');
      return { accessToken, refreshToken, accountEmail: (await openOf('account'))?.toString() };
    },
    remove: (userId, providerKey) => tables.remove('oauth_tokens', { userId, providerKey }),
  };
}

/** The keys a row of this account may have, the first that is free or its own. @throws Refusal `request_invalid` */
export function providerKeysOf(
  { provider, accountEmail, connectionId }: Account,
  blind: Blind,
): readonly string[] {
  if (!providerForm.test(provider) || !connectionForm.test(connectionId))
    throw refuse('request_invalid', 'the provider or the connection has no valid name');
  if (accountEmail === undefined) return [`${provider}##${connectionId}`];
  if (!addressForm.test(accountEmail)) throw refuse('request_invalid', 'the account has no valid address');
  const address = blind(accountEmail);
  return [`${provider}#${address}`, `${provider}#${address}#${connectionId}`];
}

async function save({ tables, now }: OauthTokenParts, granted: Granted, blind: Blind): Promise<string> {
  const { userId, connectionId } = granted;
  const keys = providerKeysOf(granted, blind);
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const found = await Promise.all(
      keys.map((providerKey) => tables.get('oauth_tokens', { userId, providerKey })),
    );
    // Its own row wherever it is, else the first that is free.
    const own = found.findIndex((stored) => stored?.item['connectionId'] === connectionId);
    const at = own === -1 ? found.indexOf(undefined) : own;
    const [providerKey, there] = [keys[at], found[at]];
    if (providerKey === undefined) throw refuse('internal', 'a grant cannot be kept', 'its key is taken');
    const before = there?.item['epoch'];
    const epoch = typeof before === 'number' ? before + 1 : 1;
    const guard = there === undefined ? ({ ifAbsent: true } as const) : { ifRevision: there.revision };
    const row = { ...rowOf(granted, blind), providerKey, epoch, updatedAtMs: now() };
    if ((await tables.put('oauth_tokens', row, guard)) !== undefined) return providerKey;
  }
  throw refuse('internal', 'a grant is changed too often', `${attemptsMax} attempts lost`);
}

function rowOf({ userId, groupId, provider, connectionId, scopes, ...granted }: Granted, blind: Blind) {
  const { accountEmail, expiresAtMs, accessToken, refreshToken } = granted;
  return {
    userId,
    groupId,
    provider,
    connectionId,
    scopes,
    accessToken,
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(accountEmail === undefined
      ? {}
      : { accountEmail: blind(accountEmail), account: Buffer.from(accountEmail) }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

type Question = Pick<Query<'oauth_tokens'>, 'index' | 'partition' | 'range'>;

async function allOf(tables: SealedTables, question: Question): Promise<readonly TokenRow[]> {
  const rows: TokenRow[] = [];
  const asked = { ...question, limit: 100 };
  for await (const { items } of everyPage((from) => tables.query('oauth_tokens', { ...asked, ...from })))
    rows.push(...items.map(({ item }) => item));
  return rows;
}
