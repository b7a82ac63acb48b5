import { tagged, type TagOf } from './leaf/redaction.ts';

// Parameters can be searched though nobody can read them: a value that is asked for is tagged with the same key, and equal
// values have equal tags. Where a field is kept in clear, the value itself is compared.

/** A parameter that is asked for: any of these names with any of these values, at any depth. */
export interface ParamMatch {
  readonly names: readonly string[];
  readonly values: readonly (string | number | boolean | null)[];
}

/**
 * What to look for.
 *
 * @param value as people write it: `12`, `true` and `null` mean the number, the truth value and nothing, and their texts as well
 * @param tagOf of the tenant whose entries are looked through; `undefined`: only what is kept in clear is found
 */
export function paramMatch(name: string, value: string, tagOf: TagOf | undefined): ParamMatch {
  const meant = [value, ...otherThanText(value)];
  if (tagOf === undefined) return { names: [name], values: meant };
  return {
    names: [name, tagged(name, tagOf)],
    values: [...meant, ...meant.map((each) => tagged(each, tagOf))],
  };
}

function otherThanText(value: string): readonly (number | boolean | null)[] {
  if (value === 'true' || value === 'false') return [value === 'true'];
  if (value === 'null') return [null];
  // As it is written in JSON, and nothing else: `0x10` and ` 1` are texts.
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(value) ? [Number(value)] : [];
}

/** Whether redacted parameters have what is asked for; one value of a list is enough. */
export function hasParam(params: unknown, match: ParamMatch): boolean {
  if (typeof params !== 'object' || params === null) return false;
  if (Array.isArray(params)) return params.some((each) => hasParam(each, match));
  return Object.entries(params).some(
    ([name, member]) => (match.names.includes(name) && isMeant(member, match)) || hasParam(member, match),
  );
}

function isMeant(member: unknown, match: ParamMatch): boolean {
  if (Array.isArray(member)) return member.some((each) => isMeant(each, match));
  return (match.values as readonly unknown[]).includes(member);
}
