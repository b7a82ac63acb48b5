import type { Tables } from '@sealgate/vault';
import type { HttpUpstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import { digestOf } from './key.ts';
import { probe, type Eras, type ProbeParts } from './probe.ts';

// Which eras an HTTP upstream speaks. A verdict has a date: a stale "legacy" would succeed silently for ever, so it is asked
// again after seven days, when the address has changed, and when an answer contradicts it.
const verdictMs = 7 * 24 * 3600 * 1000;
const doubtEveryMs = 60_000;

/** Verdicts on HTTP upstreams, by group, upstream and address. */
export interface Verdicts {
  /** What is known without asking anybody; `undefined`: nothing that holds. */
  known(tenant: string, upstream: HttpUpstream): Eras | undefined;
  /**
   * The verdict, found out when there is none; once however many ask.
   *
   * @param wanted the era whose verdict has to be there; the other one is found out when it costs nothing. Both when left out
   * @throws Refusal `upstream_unavailable`, `upstream_unauthorized`, `upstream_timeout` (none of which says anything of eras),
   *   and those of `Gate.use`
   */
  find(ask: ProbeParts, wanted?: keyof Eras): Promise<Eras>;
  /** An answer contradicts the verdict: the next `find` asks again, once a minute at most. */
  doubt(tenant: string, upstream: HttpUpstream): Promise<void>;
}

interface Kept extends Eras {
  readonly atMs: number;
}

/** Open the verdicts. */
export function openVerdicts(tables: Tables, now: () => number): Verdicts {
  const memory = new Map<string, Kept>();
  const finding = new Map<string, Promise<Eras>>();
  const known = (key: string): Kept | undefined => {
    const kept = memory.get(key);
    return kept === undefined || now() - kept.atMs >= verdictMs ? undefined : kept;
  };
  const find = async (key: string, ask: ProbeParts, wanted: keyof Eras): Promise<Eras> => {
    const stored = await recall(tables, ask.context.tenant, ask.upstream);
    const holds = stored !== undefined && now() - stored.atMs < verdictMs ? stored : undefined;
    if (holds?.[wanted] !== undefined) {
      memory.set(key, holds);
      return holds;
    }
    const found: Kept = { ...(await probe(ask, wanted, holds)), atMs: holds?.atMs ?? now() };
    if (found.legacy !== true && !found.modern)
      throw refuse(
        'upstream_unavailable',
        `upstream "${ask.upstream.name}" speaks no protocol revision we know: check its address`,
      );
    await remember(tables, ask.context.tenant, ask.upstream, found);
    memory.set(key, found);
    return found;
  };
  return {
    known: (tenant, upstream) => known(keyOf(tenant, upstream)),
    async find(ask, wanted = 'legacy') {
      const key = keyOf(ask.context.tenant, ask.upstream);
      const kept = known(key);
      if (kept?.[wanted] !== undefined) return kept;
      const under = `${wanted} ${key}`;
      const found = finding.get(under) ?? find(key, ask, wanted).finally(() => finding.delete(under));
      finding.set(under, found);
      return found;
    },
    async doubt(tenant, upstream) {
      const key = keyOf(tenant, upstream);
      const kept = memory.get(key);
      if (kept === undefined || now() - kept.atMs < doubtEveryMs) return;
      memory.delete(key);
      await tables.remove('upstream_eras', rowOf(tenant, upstream));
    },
  };
}

async function recall(tables: Tables, tenant: string, upstream: HttpUpstream): Promise<Kept | undefined> {
  const item = (await tables.get('upstream_eras', rowOf(tenant, upstream)))?.item;
  const verdict = item?.['verdict'];
  if (item?.['command'] !== digestOf(upstream) || typeof verdict !== 'string') return undefined;
  return { ...(JSON.parse(verdict) as Eras), atMs: Number(item['atMs']) };
}

async function remember(tables: Tables, tenant: string, upstream: HttpUpstream, kept: Kept): Promise<void> {
  const { atMs, legacy, modern } = kept;
  const verdict = JSON.stringify({ legacy, modern });
  await tables.put('upstream_eras', {
    ...rowOf(tenant, upstream),
    command: digestOf(upstream),
    verdict,
    atMs,
  });
}

function rowOf(tenant: string, { name }: HttpUpstream): { readonly upstreamKey: string } {
  return { upstreamKey: `${tenant}/${name}` };
}

function keyOf(tenant: string, upstream: HttpUpstream): string {
  return JSON.stringify([tenant, upstream.name, digestOf(upstream)]);
}
