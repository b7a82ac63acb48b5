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

interface Remembered {
  upstream: HttpUpstream;
  readonly kept: Kept;
}

/** Open the verdicts. */
export function openVerdicts(tables: Tables, now: () => number): Verdicts {
  const memory = new Map<string, Remembered>();
  const finding = new Map<string, Promise<Eras>>();
  // Asked for each call that passes, nearly always of the same object.
  const known = (tenant: string, upstream: HttpUpstream): Kept | undefined => {
    const found = memory.get(`${tenant}/${upstream.name}`);
    if (found === undefined || now() - found.kept.atMs >= verdictMs) return undefined;
    if (found.upstream === upstream) return found.kept;
    if (digestOf(found.upstream) !== digestOf(upstream)) return undefined;
    found.upstream = upstream;
    return found.kept;
  };
  const keep = ({ context: { tenant }, upstream }: ProbeParts, kept: Kept): void =>
    void memory.set(`${tenant}/${upstream.name}`, { upstream, kept });
  const find = async (ask: ProbeParts, wanted: keyof Eras): Promise<Eras> => {
    const stored = await recall(tables, ask.context.tenant, ask.upstream);
    const holds = stored !== undefined && now() - stored.atMs < verdictMs ? stored : undefined;
    if (holds?.[wanted] !== undefined) {
      keep(ask, holds);
      return holds;
    }
    const found: Kept = { ...(await probe(ask, wanted, holds)), atMs: holds?.atMs ?? now() };
    if (found.legacy !== true && !found.modern)
      throw refuse(
        'upstream_unavailable',
        `upstream "${ask.upstream.name}" speaks no protocol revision we know: check its address`,
      );
    await remember(tables, ask.context.tenant, ask.upstream, found);
    keep(ask, found);
    return found;
  };
  return {
    known,
    async find(ask, wanted = 'legacy') {
      const { tenant } = ask.context;
      const kept = known(tenant, ask.upstream);
      if (kept?.[wanted] !== undefined) return kept;
      const under = JSON.stringify([wanted, tenant, ask.upstream.name, digestOf(ask.upstream)]);
      const found = finding.get(under) ?? find(ask, wanted).finally(() => finding.delete(under));
      finding.set(under, found);
      return found;
    },
    async doubt(tenant, upstream) {
      const kept = known(tenant, upstream);
      if (kept === undefined || now() - kept.atMs < doubtEveryMs) return;
      memory.delete(`${tenant}/${upstream.name}`);
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
