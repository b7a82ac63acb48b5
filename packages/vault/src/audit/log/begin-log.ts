import { genesisEvent, type GenesisReason } from './boundary-leaves.ts';
import type { LogEvent } from './events.ts';
import { originOf } from './names.ts';
import type { LogGround } from './log-ground.ts';
import type { LogName, Period, StatedHead } from './segments.ts';

/** A log that is about to begin. */
export interface NewLog {
  readonly log: LogName;
  readonly genesis: LogEvent;
}

/**
 * The name and the first leaf of a scope's next log in this period. A name of which something was stated is never used again.
 */
export async function beginLog(
  { segments, sealer }: Pick<LogGround, 'segments' | 'sealer'>,
  period: Period,
  scope: string,
  atMs: number,
): Promise<NewLog> {
  let before: StatedHead | undefined;
  for (let turn = 1; ; turn += 1) {
    const log = { scope, shard: turn === 1 ? period.name : `${period.name}-${turn}` };
    const stated = await segments.root.stated(originOf(sealer.deployment, log));
    if (stated === undefined) return { log, genesis: await genesis(period, scope, before, atMs) };
    before = stated;
  }

  async function genesis(
    { endBefore }: Period,
    of: string,
    lost: StatedHead | undefined,
    ts: number,
  ): Promise<LogEvent> {
    if (lost !== undefined) return genesisEvent(lost, 'restored', ts);
    const end = await endBefore(of);
    const reason: GenesisReason = end === undefined ? 'first' : 'month';
    return genesisEvent(
      end === undefined ? null : { ...end, origin: originOf(sealer.deployment, end) },
      reason,
      ts,
    );
  }
}
