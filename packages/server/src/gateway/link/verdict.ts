import type { Tables } from '@sealgate/vault';
import type { HttpUpstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import { isHeld, openEraRows, type Dated } from './era-rows.ts';
import { digestOf } from './key.ts';
import { probe, type Eras, type ProbeParts } from './probe.ts';

// Which eras an HTTP upstream speaks. It is asked again when the verdict is old, when the address has changed, and when an
// answer contradicts it.
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

interface Remembered {
  upstream: HttpUpstream;
  readonly kept: Dated<Eras>;
}

/** Open the verdicts. */
export function openVerdicts(tables: Tables, now: () => number): Verdicts {
  const rows = openEraRows<Eras>(tables, now);
  const memory = new Map<string, Remembered>();
  const finding = new Map<string, Promise<Eras>>();
  // Asked for each call that passes, nearly always of the same object.
  const recalled = (tenant: string, upstream: HttpUpstream): Dated<Eras> | undefined => {
    const found = memory.get(`${tenant}/${upstream.name}`);
    if (found === undefined || !isHeld(found.kept.atMs, now())) return undefined;
    if (found.upstream === upstream) return found.kept;
    if (digestOf(found.upstream) !== digestOf(upstream)) return undefined;
    found.upstream = upstream;
    return found.kept;
  };
  const keep = ({ context: { tenant }, upstream }: ProbeParts, kept: Dated<Eras>): void =>
    void memory.set(`${tenant}/${upstream.name}`, { upstream, kept });
  const find = async (ask: ProbeParts, wanted: keyof Eras): Promise<Eras> => {
    const { context, upstream } = ask;
    const held = await rows.recall(context.tenant, upstream);
    if (held?.known[wanted] !== undefined) {
      keep(ask, held);
      return held.known;
    }
    const known = await spoken(ask, wanted, held?.known);
    const found = { known, atMs: held?.atMs ?? now() };
    await rows.remember(context.tenant, upstream, found);
    keep(ask, found);
    return known;
  };
  return {
    known: (tenant, upstream) => recalled(tenant, upstream)?.known,
    async find(ask, wanted = 'legacy') {
      const { tenant } = ask.context;
      const kept = recalled(tenant, ask.upstream)?.known;
      if (kept?.[wanted] !== undefined) return kept;
      const under = JSON.stringify([wanted, tenant, ask.upstream.name, digestOf(ask.upstream)]);
      const found = finding.get(under) ?? find(ask, wanted).finally(() => finding.delete(under));
      finding.set(under, found);
      return found;
    },
    async doubt(tenant, upstream) {
      const kept = recalled(tenant, upstream);
      if (kept === undefined || now() - kept.atMs < doubtEveryMs) return;
      memory.delete(`${tenant}/${upstream.name}`);
      await rows.forget(tenant, upstream);
    },
  };
}

async function spoken(ask: ProbeParts, wanted: keyof Eras, held: Eras | undefined): Promise<Eras> {
  const known = await probe(ask, wanted, held);
  if (known.legacy === true || known.modern) return known;
  throw refuse(
    'upstream_unavailable',
    `upstream "${ask.upstream.name}" speaks no protocol revision we know: check its address`,
  );
}
