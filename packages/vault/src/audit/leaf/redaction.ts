import { holdsSecretShape } from './secret-shapes.ts';

// What may be kept of a call's parameters. Nothing is written in clear unless the policy names its field: every scalar
// becomes a keyed tag, so that equal values can be found again and nobody can read them. Names of fields are kept, for they
// are the tool's and not the caller's; one that is not like a name is tagged, too. Even a clear value is tagged when it looks
// like a secret.

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

/** So many bytes of redacted parameters are kept. */
export const paramsBytesMax = 8 * 1024;
const depthMax = 16;
const nameMax = 64;
const clearLengthMax = 2048;

/**
 * A redaction by this policy.
 *
 * @returns a function that gives canonical JSON (RFC 8785) of at most 8 KiB; for more than that an object of `bytes`,
 *   `digest` (keyed) and `truncated`. `undefined` for parameters that are not JSON
 */
export function redactionOf(policy: RedactionPolicy): (params: unknown, tagOf: TagOf) => string | undefined {
  const rules = new Map(Object.entries(policy.fields));
  return (params, tagOf) => {
    const whole = jsonOf(params);
    if (whole === undefined) return undefined;
    const walk: Walk = { rules, tagOf, left: paramsBytesMax };
    const text = textOf(walk, params, 'hmac', 0);
    if (walk.left >= 0 && Buffer.byteLength(text) <= paramsBytesMax) return text;
    return JSON.stringify({
      bytes: Buffer.byteLength(whole),
      digest: tagOf('params', whole),
      truncated: true,
    });
  };
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
  if (Array.isArray(value)) return `[${value.map((each) => textOf(walk, each, rule, depth + 1)).join(',')}]`;
  const members = Object.entries(value)
    .map(([name, member]) => ({ name, member, rule: walk.rules.get(name) ?? rule }))
    .filter(({ member, rule: own }) => member !== undefined && own !== 'drop')
    .map((each) => ({ ...each, shown: shownName(walk, each.name) }))
    .toSorted((a, b) => (a.shown < b.shown ? -1 : 1));
  const texts = members.map(
    (each) =>
      `${written(walk, JSON.stringify(each.shown))}:${textOf(walk, each.member, each.rule, depth + 1)}`,
  );
  return `{${texts.join(',')}}`;
}

function written(walk: Walk, text: string): string {
  walk.left -= text.length + 1;
  return text;
}

function shownName({ tagOf }: Walk, name: string): string {
  const plain = name.length <= nameMax && /^[\w.$:@/[\] -]*$/.test(name) && !name.includes('@');
  return plain && !holdsSecretShape(name) ? name : `hmac:${tagOf('param', JSON.stringify(name))}`;
}

// The JSON of a value is what is tagged, so that `1` and `"1"` stay two values.
function scalarText({ tagOf }: Walk, value: unknown, rule: RedactionRule): string {
  const json = jsonOf(value) ?? 'null';
  return rule === 'clear' && mayBeClear(value) ? json : JSON.stringify(`hmac:${tagOf('param', json)}`);
}

function mayBeClear(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= clearLengthMax && !holdsSecretShape(value);
  return typeof value !== 'object' || value === null;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return typeof value === 'string' ? JSON.stringify(value.toWellFormed()) : JSON.stringify(value);
  } catch {
    return undefined;
  }
}
