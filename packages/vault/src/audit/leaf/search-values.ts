import type { Entry } from '../entry.ts';
import type { TagName } from './log-keys.ts';

/** What an entry can be found by. `undefined`: it says nothing of that. */
export function searchValues(entry: Entry): Readonly<Record<TagName, string | undefined>> {
  const { act, actor, code, corr, obj, out, req, src, svc } = entry;
  return {
    act,
    actor: actor?.id,
    agent: src?.agent,
    code,
    corr,
    ip: src?.ip,
    obj,
    out,
    source: src?.source,
    svc,
    tool: req?.tool,
  };
}
