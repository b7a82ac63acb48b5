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

/** An id in place of one that nobody can read any more. */
export const erasedId = '(erased)';

/** The sealed part of the person in a body. `undefined`: there is none, or it was never kept. */
export function sealedPersonIn(body: string): string | undefined {
  return body === '' ? undefined : ((JSON.parse(body) as Body).pii ?? undefined);
}

/** What a body says of the person who asked: nothing, or what that person's part hashes to. `undefined`: nobody in person did. */
export function personIn(body: string): { readonly pc: string | undefined } | undefined {
  const { pii, pc } = (body === '' ? {} : JSON.parse(body)) as Body;
  return pii === undefined ? undefined : { pc };
}

/** Whether a leaf stands for an entry, and not for the beginning or the end of a log. */
export function isEventLeaf(leaf: string): boolean {
  return !/^\{"(?:close|genesis)":/.test(leaf);
}

/**
 * The entry out of its parts, as it was recorded.
 *
 * @param body `''` when there is none: what only it says is left out
 * @param person the opened part of the person; `undefined`: there is none, or nobody can read it any more
 * @throws Refusal `open_failed` when the parts are not those of an entry
 */
export function entryOf(tenant: string, leaf: string, body: string, person?: string): Entry {
  try {
    const clear = JSON.parse(leaf) as Leaf;
    const sealed = (body === '' ? {} : JSON.parse(body)) as Body;
    const about = (person === undefined ? {} : JSON.parse(person)) as {
      readonly agent?: string;
      readonly id?: string;
      readonly ip?: string;
    };
    const { actor, src } = sealed;
    return defined({
      act: clear.act,
      actor: actor && { id: actor.id ?? about.id ?? erasedId, type: actor.type },
      ...sealed.res,
      cause: clear.cause,
      cls: clear.cls,
      corr: sealed.corr ?? clear.corr ?? '',
      cut: sealed.cut,
      flags: sealed.flags,
      id: clear.id,
      obj: sealed.obj,
      out: clear.out,
      pol: sealed.req?.params === undefined ? undefined : clear.pol,
      req: sealed.req,
      src: src && defined({ agent: src.agent ?? about.agent, ip: src.ip ?? about.ip, source: src.source }),
      svc: clear.svc,
      tenant,
      ts: clear.ts,
      v: 1,
    }) as unknown as Entry;
  } catch (error) {
    throw refuse('open_failed', 'an entry of the audit log is damaged', undefined, error);
  }
}

function defined<T extends object>(given: T): T {
  const said: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) if (value !== undefined) said[name] = value;
  return said as T;
}
