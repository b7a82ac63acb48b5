import { Refusal } from '../../refusal.ts';
import { parseRecord } from '../../seal/record.ts';
import { fromText, toText } from '../../seal/text-form.ts';
import { keyOf } from '../../store/every-item.ts';
import type { TableName } from '../../store/spec.ts';
import type { ItemOf, Stored } from '../../store/tables.ts';
import { readPointer, type Scope } from '../data-keys.ts';
import { deploymentSecrets, secretPlace, type DeploymentSecret } from '../deployment.ts';
import { itemFrom, keep } from '../drafts.ts';
import { scopeName } from '../key-loader.ts';
import { sealedFieldsOf } from '../sealed-fields.ts';
import { sealedValue } from '../sealed-values.ts';
import { systemTenant } from '../system-tenant.ts';
import { untilWritten, type Stepped, type WorkParts } from './step.ts';

// Values that lie under a data key which is no longer the active one, sealed anew at the same place: the same plaintext, the
// same grant epoch, everything else in the item as it was. Only the revision is new; who loses a write to that reads again,
// and finds the domain's own guards as they were. Values of kinds with a key of their own, and what lies in no table (sessions,
// codes, the journal), stay under the key that they have, until their own end.

/** Which data key is active for a scope, asked for once. */
export interface ActiveIds {
  /** As base64url. `undefined`: none is, and nothing is to be sealed anew. */
  of(scope: Scope): Promise<string | undefined>;
}

const knownMax = 10_000;

/** Those of this work's tables. */
export function activeIds(parts: WorkParts): ActiveIds {
  const known = new Map<string, Promise<string | undefined>>();
  return {
    of(scope) {
      const name = JSON.stringify([scope.tenant, scopeName(scope)]);
      if (known.size >= knownMax) known.clear();
      const found = known.get(name) ?? readPointer(parts, scope).then((pointer) => pointer?.id, noKey);
      known.set(name, found);
      return found;
    },
  };
}

/** @param only the tenant whose values are meant; `undefined`: of every tenant */
export async function resealItem<T extends TableName>(
  parts: WorkParts,
  table: T,
  found: Stored<ItemOf<T>>,
  { active, only }: { readonly active: ActiveIds; readonly only: string | undefined },
): Promise<Stepped> {
  let first: Stored<ItemOf<T>> | undefined = found;
  return untilWritten(async () => {
    const stored = first ?? (await parts.tables.get(table, keyOf(table, found.item)));
    first = undefined;
    if (stored === undefined) return 'skipped';
    const stale = await staleFields(table, stored.item, { active, only });
    if (stale.length === 0) return 'already';
    const draft: Record<string, unknown> = { ...keep(table, stored.item) };
    try {
      for (const name of stale) {
        const { kind, place, sealed } = sealedValue(table, stored.item, name);
        draft[name] = await parts.sealer.open(kind, place, sealed);
      }
      const item = await itemFrom(parts.sealer, table, draft as Parameters<typeof itemFrom<T>>[2]);
      const written = await parts.tables.put(table, item, { ifRevision: stored.revision });
      return written === undefined ? undefined : 'changed';
    } catch (error) {
      return skippable(error);
    } finally {
      for (const name of stale) if (draft[name] instanceof Uint8Array) draft[name].fill(0);
    }
  });
}

/** The secrets of the deployment itself. */
export async function resealDeployment(parts: WorkParts, active: ActiveIds): Promise<readonly Stepped[]> {
  const all: Stepped[] = [];
  for (const secret of deploymentSecrets)
    all.push(await untilWritten(() => resealSecret(parts, secret, active)));
  return all;
}

async function resealSecret(
  parts: WorkParts,
  secret: DeploymentSecret,
  active: ActiveIds,
): Promise<Stepped | undefined> {
  const stored = await parts.tables.get('deployment', { name: secret.name });
  const text = stored?.item[secret.attribute];
  if (stored === undefined || typeof text !== 'string') return 'skipped';
  const place = secretPlace(secret);
  const scope = { tenant: systemTenant, kind: 'system', subject: '' } as const;
  const sealed = fromText(text);
  if (!isStale(sealed, await active.of(scope))) return 'already';
  const plaintext = await parts.sealer.open('system', place, sealed);
  try {
    const anew = toText(await parts.sealer.seal('system', place, plaintext));
    const item = { ...stored.item, [secret.attribute]: anew };
    const written = await parts.tables.put('deployment', item, { ifRevision: stored.revision });
    return written === undefined ? undefined : 'changed';
  } finally {
    plaintext.fill(0);
  }
}

async function staleFields<T extends TableName>(
  table: T,
  item: ItemOf<T>,
  { active, only }: { readonly active: ActiveIds; readonly only: string | undefined },
): Promise<readonly string[]> {
  const stale: string[] = [];
  for (const [name] of sealedFieldsOf(table)) {
    if (typeof item[name] !== 'string') continue;
    const { kind, place, sealed } = sealedValue(table, item, name);
    if (only !== undefined && place.tenant !== only) continue;
    const { tenant, subject } = place;
    if (isStale(sealed, await active.of({ tenant, kind, subject }))) stale.push(name);
  }
  return stale;
}

function isStale(sealed: Uint8Array, active: string | undefined): boolean {
  return active !== undefined && toText(parseRecord(sealed).dataKeyId) !== active;
}

// The tenant was disabled or destroyed meanwhile: nothing of it is to be opened any more.
function skippable(error: unknown): 'skipped' {
  if (error instanceof Refusal && (error.code === 'key_disabled' || error.code === 'key_shredded'))
    return 'skipped';
  throw error;
}

// The keys of the person were destroyed.
function noKey(error: unknown): undefined {
  if (error instanceof Refusal && error.code === 'key_shredded') return undefined;
  throw error;
}
