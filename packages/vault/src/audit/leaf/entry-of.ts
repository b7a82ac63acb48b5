import { refuse } from '../../refusal.ts';
import type { Entry } from '../entry.ts';

interface Leaf {
  readonly act?: string;
  readonly cause?: string;
  readonly cls: Entry['cls'];
  readonly corr?: string;
  readonly id: string;
  readonly out?: Entry['out'];
  readonly pol?: number;
  readonly svc?: string;
  readonly ts: number;
}

interface Body {
  readonly actor?: { readonly id?: string; readonly type: NonNullable<Entry['actor']>['type'] };
  readonly corr?: string;
  readonly cut?: true;
  readonly flags?: Entry['flags'];
  readonly obj?: string;
  /** What the person's part hashes to; older entries have none. */
  readonly pc?: string;
  /** `null`: the keys of that person were destroyed. */
  readonly pii?: string | null;
  readonly req?: Entry['req'];
  readonly res?: Pick<Entry, 'bytes' | 'code' | 'ms'>;
  readonly src?: Entry['src'];
}

interface About {
  readonly agent?: string;
  readonly id?: string;
  readonly ip?: string;
}

type Writable<T> = { -readonly [name in keyof T]: T[name] };

/** An id in place of one that nobody can read any more. */
export const erasedId = '(erased)';

/** What a body says of the person who asked: nothing, or what that person's part hashes to. `undefined`: nobody in person did. */
export function personIn(body: string): { readonly pc: string | undefined } | undefined {
  const { pii, pc } = (body === '' ? {} : JSON.parse(body)) as Body;
  return pii === undefined ? undefined : { pc };
}

/** Whether a leaf stands for an entry, and not for the beginning or the end of a log. */
export function isEventLeaf(leaf: string): boolean {
  return !/^\{"(?:close|genesis)":/.test(leaf);
}

/** A leaf and a body that were read, once. */
export interface ReadParts {
  readonly id: string;
  /** The sealed part of the person. `undefined`: there is none, or it was never kept. */
  readonly sealedPerson: string | undefined;
  /** What the body says of the person who asked: nothing, or what that person's part hashes to. `undefined`: nobody in person did. */
  readonly person: { readonly pc: string | undefined } | undefined;
  /**
   * The entry, as it was recorded.
   *
   * @param person the opened part of the person; `undefined`: there is none, or nobody can read it any more
   * @throws Refusal `open_failed` when that is not the part of a person
   */
  entry(tenant: string, person?: string): Entry;
}

/**
 * Read the parts of an entry.
 *
 * @param body `''` when there is none: what only it says is left out
 * @throws Refusal `open_failed` when they are not those of an entry
 */
export function readParts(leaf: string, body: string): ReadParts {
  return undamaged(() => {
    const clear = objectIn<Leaf>(leaf);
    const sealed = body === '' ? {} : objectIn<Body>(body);
    const { pii, pc } = sealed;
    return {
      id: clear.id,
      sealedPerson: pii ?? undefined,
      person: pii === undefined ? undefined : { pc },
      entry: (tenant, person) =>
        undamaged(() => joined(tenant, clear, sealed, person === undefined ? {} : objectIn<About>(person))),
    };
  });
}

/**
 * The entry out of its parts, as it was recorded.
 *
 * @param body `''` when there is none: what only it says is left out
 * @param person the opened part of the person; `undefined`: there is none, or nobody can read it any more
 * @throws Refusal `open_failed` when the parts are not those of an entry
 */
export function entryOf(tenant: string, leaf: string, body: string, person?: string): Entry {
  return readParts(leaf, body).entry(tenant, person);
}

function undamaged<V>(read: () => V): V {
  try {
    return read();
  } catch (error) {
    throw refuse('open_failed', 'an entry of the audit log is damaged', undefined, error);
  }
}

function objectIn<T>(text: string): T {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new TypeError('no object');
  return value as T;
}

// Name by name: to take out what is not there from an object that has them all costs more than reading both parts.
function joined(tenant: string, clear: Leaf, sealed: Body, about: About): Entry {
  const { actor, corr, cut, flags, obj, req, res = {}, src } = sealed;
  const { act, cause, cls, id, out, pol, svc, ts } = clear;
  const entry = {} as Writable<Entry>;
  if (act !== undefined) entry.act = act;
  if (actor !== undefined) entry.actor = { id: actor.id ?? about.id ?? erasedId, type: actor.type };
  if (res.bytes !== undefined) entry.bytes = res.bytes;
  if (res.code !== undefined) entry.code = res.code;
  if (res.ms !== undefined) entry.ms = res.ms;
  if (cause !== undefined) entry.cause = cause;
  entry.cls = cls;
  entry.corr = corr ?? clear.corr ?? '';
  if (cut !== undefined) entry.cut = cut;
  if (flags !== undefined) entry.flags = flags;
  entry.id = id;
  if (obj !== undefined) entry.obj = obj;
  if (out !== undefined) entry.out = out;
  if (pol !== undefined && req?.params !== undefined) entry.pol = pol;
  if (req !== undefined) entry.req = req;
  if (src !== undefined) entry.src = sourceOf(src, about);
  if (svc !== undefined) entry.svc = svc;
  entry.tenant = tenant;
  entry.ts = ts;
  entry.v = 1;
  return entry;
}

function sourceOf(src: NonNullable<Entry['src']>, about: About): NonNullable<Entry['src']> {
  const [agent, ip] = [src.agent ?? about.agent, src.ip ?? about.ip];
  const { source } = src;
  if (agent === undefined) return ip === undefined ? { source } : { ip, source };
  return ip === undefined ? { agent, source } : { agent, ip, source };
}
