import type { KeySubjects } from '../../keys/key-subjects.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { Refusal } from '../../refusal.ts';
import { parseRecord } from '../../seal/record.ts';
import { toText } from '../../seal/text-form.ts';
import type { Entry } from '../entry.ts';
import { isEventLeaf, readParts } from '../leaf/entry-of.ts';
import { personPlace } from '../leaf/person-part.ts';
import { openSlices } from './open-slices.ts';
import type { LogName, Period } from './segments.ts';
import { unlessShredded } from './unless-shredded.ts';

/** What entries of the sealed log are opened with. */
export interface OpenParts {
  readonly sealer: Pick<Sealer, 'open'>;
  /** Whose the keys of kind `audit_person` are. */
  readonly subjects: KeySubjects;
}

/**
 * Opens the entry of a leaf.
 *
 * @param isMeant asked before what it says of a person is opened, of what it says without
 * @returns `undefined` when it is not meant
 * @throws Refusal `open_failed`, `store_unavailable`; `key_disabled`, `key_unavailable` of a scope that is not closed
 */
export type OpenEntry = (
  period: Period,
  log: LogName,
  ix: number,
  isMeant?: (entry: Entry) => boolean,
) => Promise<Entry | undefined>;

/**
 * Opens entries. Those that lie together are opened together.
 *
 * @param isClosed told of a scope whose keys do not open at present: what of its entries is sealed is left out then. Without
 *   it, that is refused with `key_disabled` or `key_unavailable`
 */
export function entryOpener(parts: OpenParts, isClosed?: (scope: string) => boolean): OpenEntry {
  const slices = openSlices(
    parts.sealer,
    (scope, error) => isClosed?.(scope) === true && isKeysClosed(error),
  );
  const subjectOf = subjectsMet(parts.subjects);
  const opened = async (scope: string, id: string, sealedPerson: string): Promise<string | undefined> => {
    const record = Buffer.from(sealedPerson, 'base64url');
    const subject = await subjectOf(scope, record);
    if (subject === undefined) return undefined;
    const opening = parts.sealer.open('audit_person', personPlace(scope, subject, id), record);
    const bytes = await unlessShredded(opening, () => undefined);
    return bytes?.toString('utf8');
  };
  return async (period, log, ix, isMeant) => {
    const slice = slices.at(log, ix) ?? (await slices.open(period, log, ix));
    const leaf = slice.leaf(ix);
    if (!isEventLeaf(leaf)) throw new Error(`leaf ${ix} of ${log.shard} is no entry`);
    const { id, sealedPerson, entry } = readParts(leaf, slice.body(ix));
    const bare = sealedPerson === undefined || isMeant !== undefined ? entry(log.scope) : undefined;
    if (bare !== undefined && isMeant?.(bare) === false) return undefined;
    return sealedPerson === undefined ? bare : entry(log.scope, await opened(log.scope, id, sealedPerson));
  };
}

/** Whether it says that keys do not open at present. */
export function isKeysClosed(error: unknown): boolean {
  return error instanceof Refusal && ['key_disabled', 'key_unavailable'].includes(error.code);
}

/** Whose keys are, of those that were met; most are met again and again. */
function subjectsMet(subjects: KeySubjects): (scope: string, record: Buffer) => Promise<string | undefined> {
  const met = new Map<string, Map<string, string | undefined>>();
  return async (scope, record) => {
    const { dataKeyId } = parseRecord(record);
    const id = toText(dataKeyId);
    let own = met.get(scope);
    if (own === undefined) met.set(scope, (own = new Map<string, string | undefined>()));
    if (!own.has(id)) own.set(id, await subjects.of(scope, id));
    return own.get(id);
  };
}
