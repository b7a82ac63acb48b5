import { sameText, type ExportRecord } from '../../audit-verify/export-form.ts';
import type { Sealer } from '../../keys/sealer.ts';
import type { Entry } from '../entry.ts';
import { entryOf, personIn, sealedPersonIn } from '../leaf/entry-of.ts';
import { personPlace } from '../leaf/person-part.ts';
import { openBodies } from './bodies.ts';
import type { LogKeyring } from './log-keyring.ts';
import { scopeIn, scopePart } from './names.ts';
import type { Slice } from './segments.ts';
import type { Standing } from './standings.ts';
import { unlessShredded } from './unless-shredded.ts';

/** What records are made with. */
export interface RecordParts {
  readonly sealer: Pick<Sealer, 'open'>;
  readonly keyring: LogKeyring;
}

/** Slices that are kept open. */
const openMax = 64;

/** What is shown of an entry that stands in a log. @param log its number in the export */
export type RecordOf = (entry: Entry, standing: Standing, log: number) => Promise<ExportRecord>;

/**
 * Makes records. Each says as much as can be opened; the entry itself stands in those whose body cannot.
 *
 * @throws Refusal `key_disabled`, `key_unavailable`, `open_failed`, `store_unavailable`, as the function does
 */
export function openRecords({ sealer, keyring }: RecordParts): RecordOf {
  const slices = openSlices(sealer);
  return async (entry, standing, log) => {
    const { first, leaves, bodies } = await slices(standing);
    const { ix } = standing;
    const leaf = leaves[ix - first]!;
    const body = bodies?.[ix - first] ?? '';
    const { tenant } = entry;
    const place = { log, ix, leaf, ...(scopeIn(scopePart(tenant)) === undefined ? { tenant } : {}) };
    const salt = (await keyring.find(tenant))?.saltOf(entry.id).toString('base64url');
    if (body === '' || salt === undefined) return { ...place, entry: { ...entry } };
    const person = await personOf(sealer, entry, body);
    const made = entryOf(tenant, leaf, body, person.who ?? person.said);
    return sameText(made) === sameText(entry)
      ? { ...place, salt, body, ...person }
      : { ...place, entry: { ...entry } };
  };
}

type Person = Pick<ExportRecord, 'who' | 'said'>;

/** The person's part as it was sealed, or what the journal has of it. */
async function personOf(sealer: RecordParts['sealer'], entry: Entry, body: string): Promise<Person> {
  const committed = personIn(body);
  if (committed === undefined) return {};
  const { actor, src, id, tenant } = entry;
  const said = { said: JSON.stringify({ agent: src?.agent, id: actor?.id, ip: src?.ip }) };
  const sealed = sealedPersonIn(body);
  // An older one has nothing that could be compared.
  if (sealed === undefined || committed.pc === undefined || actor === undefined) return said;
  const opening = sealer.open(
    'audit_person',
    personPlace(tenant, actor.id, id),
    Buffer.from(sealed, 'base64url'),
  );
  return unlessShredded(
    opening.then((bytes): Person => ({ who: bytes.toString('utf8') })),
    () => said,
  );
}

interface OpenSlice extends Pick<Slice, 'first' | 'leaves'> {
  /** `undefined` when their keys were destroyed. */
  readonly bodies: readonly string[] | undefined;
}

/** The slices that entries stand in, each opened once as long as they lie beside each other. */
function openSlices(sealer: RecordParts['sealer']): (standing: Standing) => Promise<OpenSlice> {
  const kept = new Map<string, OpenSlice>();
  return async ({ period, log, ix }) => {
    const key = JSON.stringify([log.scope, log.shard, Math.floor(ix / 256)]);
    const known = kept.get(key);
    if (known !== undefined && ix >= known.first && ix < known.first + known.leaves.length) return known;
    const [slice] = await period.slices(log, ix, 1);
    if (slice === undefined) throw new Error(`${log.shard} lacks leaf ${ix}`);
    const bodies = await unlessShredded<readonly string[], undefined>(
      openBodies(sealer, log, slice),
      () => undefined,
    );
    if (kept.size >= openMax) kept.delete(kept.keys().next().value!);
    const opened = { first: slice.first, leaves: slice.leaves, bodies };
    kept.set(key, opened);
    return opened;
  };
}
