import type { Entry } from '../entry.ts';
import { commitmentOf, type LogKeys } from './log-keys.ts';
import { objectTypeOf } from './object-type.ts';

// An entry in two parts. The leaf is clear, goes into the tree and stays for good, so it says nothing about anybody; the
// body says the rest, lies sealed beside the tree, and can be lost without harm to any proof. The leaf commits to the body's
// text. Both are JSON with their names in the order of RFC 8785, because objects are built in that order.

/** A leaf is at most this long, in bytes. */
export const leafBytesMax = 4096;

/** Where an entry stands in the journal, and how its parameters were redacted. */
export interface LeafOrigin {
  /** `<writer>/<boot>` of the journal. */
  readonly writer: string;
  /** Number of the entry in the journal of that writer. */
  readonly n: number;
  /** Version of the redaction policy, of an entry that does not say it. */
  readonly policy: number;
}

/** Both parts of an entry. */
export interface EntryParts {
  readonly leaf: string;
  /** `''` without keys: then the leaf commits to nothing. */
  readonly body: string;
  /** 16 bytes; `undefined` without keys. */
  readonly salt: Buffer | undefined;
}

/** What an entry says about a person, sealed under that person's own key. */
export interface SealedPerson {
  /** SHA-256 of the text that is sealed, base64url: who is shown the text can check it. A salt lies in the text itself. */
  readonly pc: string;
  /** The sealed text, base64url. */
  readonly pii: string;
}

/**
 * Split an entry.
 *
 * @param keys of the tenant's log; `undefined` when the tenant's keys were destroyed: then the entry has no body
 * @param person the sealed part of the person; `null` when that person's keys were destroyed; `undefined` when the entry has
 *   no such part
 */
export function leafOf(
  entry: Entry,
  origin: LeafOrigin,
  keys: LogKeys | undefined,
  person: SealedPerson | null | undefined,
): EntryParts {
  const salt = keys?.saltOf(entry.id);
  const body = keys === undefined ? '' : bodyText(entry, person);
  const { act, cause, cls, id, obj, out, svc, ts } = entry;
  const leaf = JSON.stringify({
    act,
    c: salt && commitmentOf(salt, body),
    cause,
    cls,
    corr: isUuid(entry.corr) ? entry.corr : keys?.tag('corr', entry.corr),
    id,
    kid: keys?.id,
    n: origin.n,
    out,
    pol: entry.pol ?? origin.policy,
    res: obj === undefined ? undefined : { tag: keys?.objectTag(obj), type: objectTypeOf(obj) },
    svc,
    ts,
    v: 1,
    w: origin.writer,
  });
  return { leaf, body, salt };
}

function bodyText(entry: Entry, person: SealedPerson | null | undefined): string {
  const { actor, bytes, code, corr, cut, flags, ms, obj, out, req, src } = entry;
  const personal = person !== undefined;
  return JSON.stringify({
    actor: actor && (personal ? { type: actor.type } : { id: actor.id, type: actor.type }),
    corr: isUuid(corr) ? undefined : corr,
    cut,
    flags,
    obj,
    pc: person?.pc,
    pii: person === null ? null : person?.pii,
    req,
    res: out === undefined ? undefined : { bytes, code, ms },
    src: src && (personal ? { source: src.source } : { agent: src.agent, ip: src.ip, source: src.source }),
  });
}

/** Whoever calls may name a request as they like; only what is a number of ours may stand in clear. */
function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
