import { isFieldName, isSecretName, saysSecret } from './field-names.ts';
import { holdsSecretShape } from './secret-shapes.ts';

// What may be kept of a call's parameters. Nothing is written in clear unless the policy names its field: every scalar
// becomes a keyed tag, so that equal values can be found again and nobody can read them. Names of fields are kept, for they
// are the tool's and not the caller's; one that is not like a name is tagged, too. Even a clear value is tagged when it looks
// like a secret, or lies under a name of secrets.

/** What becomes of a field's value. `drop`: the field is left out. */
export type RedactionRule = 'clear' | 'hmac' | 'drop';

/** Which fields may be kept as they are. */
export interface RedactionPolicy {
  /** Stands in every leaf. */
  readonly version: number;
  /** By name of the field, at any depth; it holds for whatever lies below, unless that has a rule of its own. Others: `hmac`. */
  readonly fields: Readonly<Record<string, RedactionRule>>;
}

/** A keyed tag of a text, such as {@link LogKeys.tag}. */
export type TagOf = (purpose: string, text: string) => string;

/** Makes the text that is kept of parameters: of at most so many bytes. `undefined` for what is not JSON. */
export type Redaction = (params: unknown, tagOf: TagOf, bytesMax?: number) => string | undefined;

/** So many bytes of redacted parameters are kept. */
export const paramsBytesMax = 4 * 1024;
const depthMax = 16;
const clearLengthMax = 2048;
const tagMark = 'hmac:';
/** The shortest member of an object, such as `"a":1,`. */
const memberLength = 6;

/**
 * A redaction by this policy.
 *
 * @returns a function that gives canonical JSON (RFC 8785) of at most 4 KiB; for more than that an object of `bytes`,
 *   `digest` (keyed) and `truncated`. `undefined` for parameters that are not JSON
 */
export function redactionOf(policy: RedactionPolicy): Redaction {
  const rules = new Map(Object.entries(policy.fields));
  return (params, tagOf, bytesMax = paramsBytesMax) => {
    const whole = jsonOf(params);
    if (whole === undefined) return undefined;
    const walk: Walk = { rules, tagOf, left: bytesMax };
    const text = textOf(walk, params, 'hmac', 0);
    if (walk.left >= 0 && Buffer.byteLength(text) <= bytesMax) return text;
    return JSON.stringify({
      bytes: Buffer.byteLength(whole),
      digest: tagOf('params', whole),
      truncated: true,
    });
  };
}

/** What is kept of parameters while there is no key to tag them with: how long they were. `undefined` for what is not JSON. */
export function untaggedText(params: unknown): string | undefined {
  const whole = jsonOf(params);
  return whole && JSON.stringify({ bytes: Buffer.byteLength(whole), truncated: true });
}

/** What stands for a value that may not be read. Its JSON is tagged, so that `1` and `"1"` stay two values. */
export function tagged(value: unknown, tagOf: TagOf): string {
  return `${tagMark}${tagOf('param', jsonOf(value) ?? 'null')}`;
}

interface Walk {
  readonly rules: ReadonlyMap<string, RedactionRule>;
  readonly tagOf: TagOf;
  /** Characters that may still be written; the rest is not looked at. */
  left: number;
}

function textOf(walk: Walk, value: unknown, rule: RedactionRule, depth: number): string {
  if (walk.left < 0) return '';
  if (typeof value !== 'object' || value === null || depth >= depthMax)
    return written(walk, scalarText(walk, value, rule));
  walk.left -= 2;
  return Array.isArray(value)
    ? arrayText(walk, value as readonly unknown[], rule, depth)
    : objectText(walk, value, rule, depth);
}

// What cannot fit is not looked at: whoever calls must not make the gateway tag a million values.
function arrayText(walk: Walk, list: readonly unknown[], rule: RedactionRule, depth: number): string {
  if (list.length * 2 > walk.left + 2) return over(walk);
  return `[${list.map((each) => textOf(walk, each, rule, depth + 1)).join(',')}]`;
}

function objectText(walk: Walk, value: object, rule: RedactionRule, depth: number): string {
  const names = Object.keys(value);
  if ((names.length - walk.rules.size) * memberLength > walk.left + memberLength) return over(walk);
  const members = names
    .filter((name) => walk.rules.get(name) !== 'drop')
    .map((name) => ({ name, shown: shownName(walk, name), member: (value as Record<string, unknown>)[name] }))
    .filter(({ member }) => member !== undefined)
    .toSorted((a, b) => (a.shown < b.shown ? -1 : 1))
    .map(({ name, shown, member }) => {
      const own = walk.rules.get(name) ?? (rule === 'clear' && isSecretName(name) ? 'hmac' : rule);
      return `${written(walk, JSON.stringify(shown))}:${textOf(walk, member, own, depth + 1)}`;
    });
  return `{${members.join(',')}}`;
}

function over(walk: Walk): string {
  walk.left = -1;
  return '';
}

function written(walk: Walk, text: string): string {
  walk.left -= text.length + 1;
  return text;
}

function shownName({ rules, tagOf }: Walk, name: string): string {
  return isFieldName(name) || (rules.has(name) && !/^\d/.test(name)) ? name : tagged(name, tagOf);
}

function scalarText({ tagOf }: Walk, value: unknown, rule: RedactionRule): string {
  return rule === 'clear' && mayBeClear(value) ? (jsonOf(value) ?? 'null') : `"${tagged(value, tagOf)}"`;
}

function mayBeClear(value: unknown): boolean {
  // What begins like a tag would be taken for one.
  if (typeof value === 'string')
    return !(
      value.length > clearLengthMax ||
      value.startsWith(tagMark) ||
      holdsSecretShape(value) ||
      saysSecret(value)
    );
  return typeof value !== 'object' || value === null;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return typeof value === 'string' ? JSON.stringify(value.toWellFormed()) : JSON.stringify(value);
  } catch {
    return undefined;
  }
}
