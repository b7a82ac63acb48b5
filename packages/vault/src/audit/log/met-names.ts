import type { LogKeys, TagName } from '../leaf/log-keys.ts';

/** Names by their tags. @param open asked for the name of a tag that is none of a name that was met */
export type NameOf = (
  field: TagName,
  tag: number,
  keys: LogKeys,
  open: () => Promise<string>,
) => Promise<string>;

/** Remembers names over all logs, whose tags differ: for fields of which none is anybody's. */
export function metNames(): NameOf {
  const met = new Map<TagName, Set<string>>();
  return async (field, tag, keys, open) => {
    const known = met.get(field) ?? new Set<string>();
    met.set(field, known);
    for (const name of known) if (keys.searchTag(field, name) === tag) return name;
    const name = await open();
    known.add(name);
    return name;
  };
}
