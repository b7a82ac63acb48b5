import { hash } from 'node:crypto';
import { Refusal } from '../../refusal.ts';
import type { Sealer } from '../../keys/sealer.ts';
import type { Entry } from '../entry.ts';
import { leafOf, type SealedPerson } from '../leaf/leaf.ts';
import { attemptFlags } from '../leaf/call-flags.ts';
import type { LogKeys, TagName } from '../leaf/log-keys.ts';
import { personPartOf, personPlace } from '../leaf/person-part.ts';
import { searchValues } from '../leaf/search-values.ts';
import type { JournalLine } from './journal-lines.ts';
import type { IndexRow } from './segments.ts';
import { linesPerTurn, turn } from './turns.ts';

/** A leaf to be added to a log. */
export interface LogEvent {
  readonly leaf: string;
  /** `''`: it has none. */
  readonly body: string;
  /** By what it is found; `undefined` for what is no entry. An outcome names its cause. */
  readonly row: Omit<IndexRow, 'ix'> | undefined;
  /** Of an outcome: what its attempt is found by from then on. */
  readonly end?: Pick<Entry, 'out' | 'code'> & Pick<IndexRow, 'tags'>;
}

/** What entries become events with. */
export interface EventParts {
  readonly sealer: Pick<Sealer, 'seal'>;
  /** Version of the redaction policy. */
  readonly policy: number;
}

/**
 * Events of one tenant.
 *
 * @param keys `undefined`: the tenant's keys were destroyed
 * @throws Refusal `key_disabled`, `key_unavailable`
 */
export async function eventsOf(
  { sealer, policy }: EventParts,
  scope: string,
  lines: readonly JournalLine[],
  keys: LogKeys | undefined,
): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  for (const { entry, writer, n } of lines) {
    const person = keys && (await sealedPerson(sealer, scope, entry));
    const { leaf, body } = leafOf(entry, { writer, n, policy }, keys, person);
    events.push({ leaf, body, ...found(entry, keys) });
    if (events.length % linesPerTurn === 0) await turn();
  }
  return events;
}

function found(entry: Entry, keys: LogKeys | undefined): Pick<LogEvent, 'row' | 'end'> {
  const { id, ts, cause, out, code } = entry;
  if (cause === undefined)
    return { row: { id, ts, tags: tagsOf(searchValues(entry), keys), flags: attemptFlags(entry) } };
  const ended = { ...(out !== undefined && { out }), ...(code !== undefined && { code }) };
  // Whatever else it says, its attempt has said.
  return { row: { id, ts, tags: {}, flags: 0, cause }, end: { ...ended, tags: tagsOf(ended, keys) } };
}

async function sealedPerson(
  sealer: Pick<Sealer, 'seal'>,
  scope: string,
  entry: Entry,
): Promise<SealedPerson | null | undefined> {
  const part = personPartOf(entry);
  if (part === undefined) return undefined;
  try {
    const place = personPlace(scope, part.subject, entry.id);
    const pii = (await sealer.seal('audit_person', place, Buffer.from(part.text))).toString('base64url');
    return { pc: hash('sha256', part.text, 'base64url'), pii };
  } catch (error) {
    // That person asked to be forgotten, or all of the tenant was: the latter shows when the bodies are sealed.
    if (error instanceof Refusal && error.code === 'key_shredded') return null;
    throw error;
  }
}

function tagsOf(
  values: Readonly<Partial<Record<TagName, string | undefined>>>,
  keys: LogKeys | undefined,
): IndexRow['tags'] {
  const tags: Partial<Record<TagName, number>> = {};
  if (keys === undefined) return tags;
  for (const name of Object.keys(values) as TagName[]) {
    const value = values[name];
    if (value !== undefined) tags[name] = keys.searchTag(name, value);
  }
  return tags;
}
