import { isSame, type ExportRecord } from '../../audit-verify/export-form.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { tileWidth } from '../../tlog/tile-paths.ts';
import type { Entry } from '../entry.ts';
import { erasedId, readParts, type ReadParts } from '../leaf/entry-of.ts';
import { personPlace } from '../leaf/person-part.ts';
import { openBodies } from './bodies.ts';
import type { LogKeyring } from './log-keyring.ts';
import { blockSlices } from './log-source.ts';
import { scopeIn, scopePart } from './names.ts';
import type { Standing } from './standings.ts';
import { unlessShredded } from './unless-shredded.ts';

/** What records are made with. */
export interface RecordParts {
  readonly sealer: Pick<Sealer, 'open'>;
  readonly keyring: LogKeyring;
}

/** Blocks that are kept open. */
const openMax = 64;

/** What is shown of an entry that stands in a log. @param log its number in the export */
export type RecordOf = (entry: Entry, standing: Standing, log: number) => Promise<ExportRecord>;

/**
 * Makes records. Each says as much as can be opened; the entry itself stands in those whose body cannot.
 *
 * @throws Refusal `key_disabled`, `key_unavailable`, `open_failed`, `store_unavailable`, as the function does
 */
export function openRecords({ sealer, keyring }: RecordParts): RecordOf {
  const leafAt = openBlocks(sealer);
  return async (entry, standing, log) => {
    const { ix } = standing;
    const { leaf, body } = await leafAt(standing);
    const { tenant } = entry;
    const place = { log, ix, leaf, ...(scopeIn(scopePart(tenant)) === undefined ? { tenant } : {}) };
    const salt = (await keyring.find(tenant))?.saltOf(entry.id).toString('base64url');
    if (body === '' || salt === undefined) return { ...place, entry: { ...entry } };
    const read = readParts(leaf, body);
    const person = await personOf(sealer, entry, read);
    const made = read.entry(tenant, person.who ?? person.said);
    return isSame(made, entry) ? { ...place, salt, body, ...person } : { ...place, entry: { ...entry } };
  };
}

type Person = Pick<ExportRecord, 'who' | 'said'>;

/** The person's part as it was sealed, or what the entry has of it. */
async function personOf(
  sealer: RecordParts['sealer'],
  entry: Entry,
  { person, sealedPerson }: ReadParts,
): Promise<Person> {
  if (person === undefined) return {};
  const { actor, src, id, tenant } = entry;
  const said = { said: JSON.stringify({ agent: src?.agent, id: actor?.id, ip: src?.ip }) };
  // An older one has nothing that could be compared, and of an erased one nobody knows whose part to open.
  if (sealedPerson === undefined || person.pc === undefined || actor === undefined || actor.id === erasedId)
    return said;
  const opening = sealer.open(
    'audit_person',
    personPlace(tenant, actor.id, id),
    Buffer.from(sealedPerson, 'base64url'),
  );
  return unlessShredded(
    opening.then((bytes): Person => ({ who: bytes.toString('utf8') })),
    () => said,
  );
}

interface OpenLeaf {
  readonly leaf: string;
  /** `''`: it has none, or its keys were destroyed. */
  readonly body: string;
}

/** Leaves with their bodies, by blocks of 256 that are opened once as long as entries lie beside each other. */
function openBlocks(sealer: RecordParts['sealer']): (standing: Standing) => Promise<OpenLeaf> {
  const kept = new Map<string, readonly OpenLeaf[]>();
  return async ({ period, log, ix }) => {
    const block = Math.floor(ix / tileWidth);
    const key = JSON.stringify([log.scope, log.shard, block]);
    let leaves = kept.get(key);
    if (leaves?.[ix % tileWidth] === undefined) {
      if (kept.size >= openMax) kept.delete(kept.keys().next().value!);
      leaves = await openBlock(sealer, { period, log }, block);
      kept.set(key, leaves);
    }
    const found = leaves[ix % tileWidth];
    if (found === undefined) throw new Error(`${log.shard} lacks leaf ${ix}`);
    return found;
  };
}

async function openBlock(
  sealer: RecordParts['sealer'],
  { period, log }: Pick<Standing, 'period' | 'log'>,
  block: number,
): Promise<readonly OpenLeaf[]> {
  const all: OpenLeaf[] = [];
  for (const slice of await blockSlices(period, log, block)) {
    const bodies = await unlessShredded<readonly string[], readonly string[]>(
      openBodies(sealer, log, slice),
      () => [],
    );
    for (const [at, leaf] of slice.leaves.entries()) all.push({ leaf, body: bodies[at] ?? '' });
  }
  return all;
}
