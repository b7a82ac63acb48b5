/**
 * What kind of thing an entry was done to: `connection` of `connection:shop#u1#default`, `gateway` of `gateway`. The rest of
 * an object's name may say who somebody is, so it never stands in a leaf.
 *
 * @returns `other` for an object that does not begin with such a word
 */
export function objectTypeOf(object: string): string {
  return /^[a-z][a-z_]{0,31}(?=:|$)/.exec(object)?.[0] ?? 'other';
}
