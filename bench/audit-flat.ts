import { median } from './bars.ts';
import { auditedCall, type AuditedCall } from './audit-calls.ts';
import { openAuditGround } from './audit-ground.ts';
import { openPlainLog } from './audit-plain.ts';

// As many entries as there can be: until all are on the disk, sealed and published, beside a plain table of the same entries.

/** How much. */
export interface FlatShape {
  readonly rounds: number;
  readonly calls: number;
  readonly tenants: number;
}

/** Medians, in entries a second. */
export interface Flat {
  readonly sealed: number;
  readonly plain: number;
  /** Median of the ratios within a round. */
  readonly ratio: number;
}

const callers = 256;

/** Both in turns, each on files of its own that grow from round to round. */
export async function flatOut({ rounds, calls, tenants }: FlatShape): Promise<Flat> {
  const ground = await openAuditGround(Date.now);
  const plain = await openPlainLog();
  const ways = {
    async sealed(): Promise<number> {
      const one = async (call: AuditedCall) => {
        const { entry } = await ground.audit.record('strict', call.context, call.fields);
        ground.audit.outcome(entry, call.context, call.outcome);
      };
      return perSecond(calls, tenants, one, async () => {
        await sealAll(ground);
      });
    },
    plain: () =>
      perSecond(
        calls,
        tenants,
        async (call) => {
          await plain.attempt(call);
          plain.outcome(call);
        },
        plain.idle,
      ),
  };
  try {
    await ways.sealed();
    await ways.plain();
    const measured: { readonly sealed: number; readonly plain: number }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      if (round % 2 === 0) measured.push({ sealed: await ways.sealed(), plain: await ways.plain() });
      else {
        const first = await ways.plain();
        measured.push({ plain: first, sealed: await ways.sealed() });
      }
    }
    return {
      sealed: median(measured.map(({ sealed }) => sealed)),
      plain: median(measured.map((each) => each.plain)),
      ratio: median(measured.map((each) => each.sealed / each.plain)),
    };
  } finally {
    await ground.close();
    await plain.close();
  }
}

async function sealAll({ journal, log }: Awaited<ReturnType<typeof openAuditGround>>): Promise<void> {
  while (journal.health().waiting > 0) await new Promise((resolve) => setImmediate(resolve));
  await log.run();
}

async function perSecond(
  calls: number,
  tenants: number,
  one: (call: AuditedCall) => Promise<void>,
  end: () => Promise<void>,
): Promise<number> {
  const start = performance.now();
  let n = 0;
  const caller = async (): Promise<void> => {
    while (n < calls) await one(auditedCall(n++, Date.now(), tenants));
  };
  await Promise.all(Array.from({ length: callers }, caller));
  await end();
  return (calls * 2000) / (performance.now() - start);
}
