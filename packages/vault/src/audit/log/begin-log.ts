import { genesisEvent } from './boundary-leaves.ts';
import type { LogEvent } from './events.ts';
import type { LogGround } from './log-ground.ts';
import { moved } from './moved.ts';
import { originOf } from './names.ts';
import type { LogName, Period, StatedHead } from './segments.ts';

/** A log that is about to begin. */
export interface NewLog {
  readonly log: LogName;
  readonly genesis: LogEvent;
}

/** The name and the first leaf of a scope's next log in this period. A name of which something was stated is not used again. */
export async function beginLog(
  { segments, sealer: { deployment }, turnedBack }: Pick<LogGround, 'segments' | 'sealer' | 'turnedBack'>,
  period: Period,
  scope: string,
  atMs: number,
): Promise<NewLog> {
  let lost: StatedHead | undefined;
  for (let turn = 1; ; turn += 1) {
    const log = { scope, shard: turn === 1 ? period.name : `${period.name}-${turn}` };
    const stated = await segments.root.stated(originOf(deployment, log));
    if (stated !== undefined) {
      const made =
        !turnedBack.has(stated.origin) &&
        (await period.logs([scope])).some(({ shard }) => shard === log.shard);
      // Somebody else began it since we looked.
      if (made) throw moved();
      lost = stated;
      continue;
    }
    if (lost !== undefined) return { log, genesis: genesisEvent(lost, 'restored', atMs) };
    const end = await period.endBefore(scope);
    const previous = end && { origin: originOf(deployment, end), size: end.size, root: end.root };
    return { log, genesis: genesisEvent(previous, previous === undefined ? 'first' : 'month', atMs) };
  }
}
