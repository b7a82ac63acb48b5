import { closeEvent } from './boundary-leaves.ts';
import { grown, rootOf } from './grow-log.ts';
import type { LogGround } from './log-ground.ts';
import { moved } from './moved.ts';
import { originOf } from './names.ts';
import type { LogEnd, LogStep, Period, StoredLog } from './segments.ts';
import { turn } from './turns.ts';

const logsAtOnce = 64;

/**
 * Close every log of a period, then begin the next one. One that was interrupted is done again: what is closed stays so.
 *
 * @param atMs time of the first entry of the new month
 */
export async function turnMonth(ground: LogGround, from: Period, to: string, atMs: number): Promise<Period> {
  const { segments } = ground;
  const open = (await newestLogs(from)).filter(
    (log) => !log.closed && !ground.turnedBack.has(originOf(ground.sealer.deployment, log)),
  );
  for (let at = 0; at < open.length; at += logsAtOnce) {
    const steps = await Promise.all(
      open.slice(at, at + logsAtOnce).map((log) => closing(ground, from, log, atMs)),
    );
    if (!(await from.commit({ logs: steps }))) throw moved();
    await turn();
  }
  await from.flush();
  return segments.begin(to, await endsOf(ground, from));
}

function closing(ground: LogGround, period: Period, log: StoredLog, atMs: number): Promise<LogStep> {
  const parts = { reads: period, sealer: ground.sealer };
  return grown(parts, log, log, { events: [closeEvent(atMs)], closed: true });
}

async function endsOf({ turnedBack, sealer }: LogGround, period: Period): Promise<LogEnd[]> {
  return (await newestLogs(period)).map((log) => {
    const { scope, shard, size } = log;
    const stated = turnedBack.get(originOf(sealer.deployment, log));
    return stated === undefined
      ? { scope, shard, size, root: rootOf(log) }
      : { scope, shard, size: stated.size, root: stated.root };
  });
}

/** The newest log of each scope. */
export async function newestLogs(period: Period, scopes?: readonly string[]): Promise<readonly StoredLog[]> {
  return [...new Map((await period.logs(scopes)).map((log) => [log.scope, log])).values()];
}
