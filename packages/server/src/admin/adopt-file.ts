import { isDeepStrictEqual } from 'node:util';
import type { Act, Audit } from '@sealgate/vault';
import type { Upstream } from '../domain/upstream.ts';
import { upstreamObject, type Upstreams } from '../domain/upstreams.ts';
import { recorded, type Operator } from './recorded.ts';

/** What following the servers file did, by upstream name. */
export interface Adopted {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Left alone, since an upstream of this name was added by hand. */
  readonly shadowed: readonly string[];
}

/**
 * Make the group's upstreams follow the servers file: what is new is added, what differs is replaced, what came from the
 * file and is no longer in it is removed. What was added by hand stays as it is. Every change has its own entry.
 *
 * @throws Refusal `audit_unavailable`, `store_unavailable`
 */
export async function adoptFile(
  parts: { audit: Audit; upstreams: Upstreams },
  operator: Operator,
  wanted: readonly Upstream[],
): Promise<Adopted> {
  const { audit, upstreams } = parts;
  const { tenant } = operator.context;
  const kept = new Map(upstreams.list(tenant).map((one) => [one.upstream.name, one]));
  const byHand = new Set(
    [...kept.values()].filter(({ origin }) => origin === 'admin').map(({ upstream }) => upstream.name),
  );
  const ours = wanted.filter(({ name }) => !byHand.has(name));
  const names = new Set(ours.map(({ name }) => name));
  const gone = [...kept.keys()].filter((name) => !byHand.has(name) && !names.has(name));
  const changed = ours.filter(
    (one) => kept.has(one.name) && !isDeepStrictEqual(kept.get(one.name)?.upstream, one),
  );
  const added = ours.filter(({ name }) => !kept.has(name));
  const about = (act: Act, name: string) => ({ act, object: upstreamObject(tenant, name), service: name });
  for (const name of [...gone, ...changed.map((one) => one.name)])
    await recorded(audit, operator, about('upstream.remove', name), (receipt) =>
      upstreams.remove(receipt, tenant, name),
    );
  for (const one of [...changed, ...added])
    await recorded(audit, operator, about('upstream.add', one.name), (receipt) =>
      upstreams.add(receipt, tenant, one, 'file'),
    );
  return {
    added: added.map(({ name }) => name),
    changed: changed.map(({ name }) => name),
    removed: gone,
    shadowed: wanted.map(({ name }) => name).filter((name) => byHand.has(name)),
  };
}
