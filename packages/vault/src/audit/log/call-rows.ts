import type { CallHints } from '../call-reader.ts';
import type { CallFilter } from '../calls.ts';
import { callFlags } from '../leaf/call-flags.ts';
import type { LogKeys, TagName } from '../leaf/log-keys.ts';
import type { Stretch } from '../stretch.ts';
import type { PlacedRow, ViewedLog } from './log-view.ts';
import type { IndexRow, RowQuery } from './segments.ts';
import { turn } from './turns.ts';

// Rows of attempts that may be meant: the index knows what an attempt said by tags, and what came of it by bits that are set
// until it is ruled out. What is given is a little more than what is meant, so that each is looked at once more.

/** Most ask for a page, of one log or of many together; who goes on asks for all. */
const rowsAtFirst = { ofOne: 128, ofMany: 32 } as const;
const rowsAtOnce = 256;

/** What is looked at of the tags that a row has. */
const endTags: readonly TagName[] = ['code', 'out'];

/** Rows of one log that may be meant. */
export interface RowsWanted {
  readonly filter: CallFilter;
  /** Of the log's scope; `undefined`: destroyed, or closed. Then nobody can say by a tag what an entry had. */
  readonly keys: LogKeys | undefined;
  /** All of these bits. */
  readonly flags: number;
  readonly descending: boolean;
  readonly within: CallHints['within'] | undefined;
}

/** Pages of rows. @throws Refusal `store_unavailable` */
export async function* callRows(place: ViewedLog, wanted: RowsWanted): AsyncGenerator<readonly PlacedRow[]> {
  const { filter, descending, flags, within } = wanted;
  const { sinceMs, untilMs = Infinity } = filter;
  const times = {
    ...(sinceMs !== undefined && { sinceMs }),
    ...(untilMs !== Infinity && { untilMs: untilMs + 1 }),
  };
  const tags = wanted.keys && tagsOf(filter, wanted.keys);
  const query = { descending, flags, tagsWanted: endTags, ...(tags && { tags }), ...times };
  const mayHaveEnded = endMatcher(filter, wanted.keys);
  const stretches = within === undefined ? [{}] : await stretchesOf(place, query, within);
  for (const stretch of descending ? stretches.toReversed() : stretches)
    for await (const rows of pagesOf(place, { ...query, ...stretch }, filter.tenant !== undefined))
      // What was added since the log was looked at is read from the journal.
      yield rows.filter(({ row }) => row.ix < place.log.size && mayHaveEnded(row, place));
}

/** What is not known to have ended may have ended elsewhere, in any way. */
function endMatcher({ out, code }: CallFilter, keys: LogKeys | undefined) {
  const outTag = out === undefined || out === 'none' ? undefined : keys?.searchTag('out', out);
  const codeTag = code === undefined ? undefined : keys?.searchTag('code', code);
  return ({ end, tags }: IndexRow, { log }: ViewedLog): boolean => {
    if (end === undefined || end.ix >= log.size) return true;
    const isOut = outTag === undefined || outTag === tags.out;
    return out !== 'none' && isOut && (codeTag === undefined || codeTag === tags.code);
  };
}

async function stretchesOf(
  { period, log }: ViewedLog,
  query: Omit<RowQuery, 'limit'>,
  within: NonNullable<CallHints['within']>,
): Promise<readonly Stretch[]> {
  const [oldest] = await period.rows(log, { ...query, descending: false, limit: 1 });
  const [newest] = await period.rows(log, { ...query, descending: true, limit: 1 });
  if (oldest === undefined || newest === undefined) return [];
  const { sinceMs = oldest.ts, untilMs = newest.ts + 1 } = query;
  return within(oldest.ts, newest.ts + 1).map((stretch) => ({
    sinceMs: Math.max(stretch.sinceMs, sinceMs),
    untilMs: Math.min(stretch.untilMs, untilMs),
  }));
}

async function* pagesOf(
  { period, log }: ViewedLog,
  query: Omit<RowQuery, 'limit'>,
  ofOne: boolean,
): AsyncGenerator<readonly PlacedRow[]> {
  for (let after: IndexRow | undefined; ;) {
    const limit = after !== undefined ? rowsAtOnce : ofOne ? rowsAtFirst.ofOne : rowsAtFirst.ofMany;
    const rows = await period.rows(log, { ...query, ...(after && { after }), limit });
    yield rows.map((row) => ({ period, log, row, ts: row.ts, id: row.id }));
    if (rows.length < limit) return;
    after = rows.at(-1);
    await turn();
  }
}

/** Bits that all calls have which may be meant. */
export function flagsFor({ out, code, flag }: CallFilter, { only, hours }: CallHints): number {
  const { attempt, access, unopened, unsuccessful } = callFlags;
  const failed = (out !== undefined && out !== 'success') || code !== undefined || only === 'unopened';
  const bits = only === undefined ? 0 : only === 'access' ? access : access | unopened;
  const outside = hours === true || flag === 'hours' ? callFlags.hours : 0;
  return attempt | bits | outside | (failed ? unsuccessful : 0);
}

function tagsOf(filter: CallFilter, keys: LogKeys): RowQuery['tags'] {
  const { act, actor, agent, ip, object: obj, request: corr, service: svc, source, tool } = filter;
  const asked = { act, actor, agent, corr, ip, obj, source, svc, tool };
  const tags: Partial<Record<TagName, number>> = {};
  for (const [name, value] of Object.entries(asked) as [keyof typeof asked, string | undefined][])
    if (value !== undefined) tags[name] = keys.searchTag(name, value);
  return tags;
}
