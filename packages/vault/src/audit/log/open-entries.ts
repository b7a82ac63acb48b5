import type { KeySubjects } from '../../keys/key-subjects.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { Refusal } from '../../refusal.ts';
import { parseRecord } from '../../seal/record.ts';
import { toText } from '../../seal/text-form.ts';
import type { Entry } from '../entry.ts';
import { entryOf, isEventLeaf, sealedPersonIn } from '../leaf/entry-of.ts';
import { personPlace } from '../leaf/person-part.ts';
import { openBodies } from './bodies.ts';
import type { LogName, Period, Slice } from './segments.ts';
import { unlessShredded } from './unless-shredded.ts';

/** What entries of the sealed log are opened with. */
export interface OpenParts {
  readonly sealer: Pick<Sealer, 'open'>;
  /** Whose the keys of kind `audit_person` are. */
  readonly subjects: KeySubjects;
}

interface OpenSlice extends Slice {
  readonly lines: readonly string[];
}

/** Slices of a log that are kept open; an attempt and its outcome lie in neighbours at most, mostly. */
const openMax = 3;

/**
 * Opens entries. Those that follow each other lie in the same slice mostly, which is opened once.
 *
 * @param isClosed told of a scope whose keys do not open at present: what of its entries is sealed is left out then. Without
 *   it, that is refused with `key_disabled` or `key_unavailable`
 */
export function entryOpener(
  parts: OpenParts,
  isClosed?: (scope: string) => boolean,
): (period: Period, log: LogName, ix: number) => Promise<Entry> {
  const open = new Map<string, OpenSlice[]>();
  const sliceWith = async (period: Period, log: LogName, ix: number): Promise<OpenSlice> => {
    const key = JSON.stringify([log.scope, log.shard]);
    const own = open.get(key) ?? [];
    const known = own.find(({ first, leaves }) => ix >= first && ix < first + leaves.length);
    if (known !== undefined) return known;
    const [slice] = await period.slices(log, ix, 1);
    if (slice === undefined) throw new Error(`${log.shard} lacks leaf ${ix}`);
    const fresh = { ...slice, lines: await bodiesIn(parts, log, slice, isClosed) };
    open.set(key, [fresh, ...own].slice(0, openMax));
    return fresh;
  };
  return async (period, log, ix) => {
    const { first, leaves, lines } = await sliceWith(period, log, ix);
    const [leaf, body] = [leaves[ix - first]!, lines[ix - first]!];
    if (!isEventLeaf(leaf)) throw new Error(`leaf ${ix} of ${log.shard} is no entry`);
    return entryOf(log.scope, leaf, body, await personIn(parts, log.scope, { leaf, body }));
  };
}

/** Whether it says that keys do not open at present. */
export function isKeysClosed(error: unknown): boolean {
  return error instanceof Refusal && ['key_disabled', 'key_unavailable'].includes(error.code);
}

async function bodiesIn(
  { sealer }: OpenParts,
  log: LogName,
  slice: Slice,
  isClosed: ((scope: string) => boolean) | undefined,
): Promise<readonly string[]> {
  const none = (): string[] => slice.leaves.map(() => '');
  try {
    return await unlessShredded(openBodies(sealer, log, slice), none);
  } catch (error) {
    if (isClosed?.(log.scope) === true && isKeysClosed(error)) return none();
    throw error;
  }
}

async function personIn(
  { sealer, subjects }: OpenParts,
  scope: string,
  { leaf, body }: { readonly leaf: string; readonly body: string },
): Promise<string | undefined> {
  const sealed = sealedPersonIn(body);
  if (sealed === undefined) return undefined;
  const { id } = JSON.parse(leaf) as { readonly id: string };
  const record = Buffer.from(sealed, 'base64url');
  const subject = await subjects.of(scope, toText(parseRecord(record).dataKeyId));
  if (subject === undefined) return undefined;
  const opening = sealer.open('audit_person', personPlace(scope, subject, id), record);
  return unlessShredded(
    opening.then((bytes) => bytes.toString('utf8')),
    () => undefined,
  );
}
