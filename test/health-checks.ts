import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

// What a load balancer does with `/health`: it asks again and again, and takes a target out or back in after so many
// answers of one kind in a row.

/** How a load balancer checks. */
export interface HealthChecks {
  readonly everyMs: number;
  /** An answer that takes longer is a bad one. */
  readonly timeoutMs: number;
  /** Good answers in a row. */
  readonly healthyAfter: number;
  /** Bad answers in a row. */
  readonly unhealthyAfter: number;
}

/** The numbers of `docs/operate.md`. */
export const documentedChecks: HealthChecks = {
  everyMs: 30_000,
  timeoutMs: 10_000,
  healthyAfter: 2,
  unhealthyAfter: 3,
};

/** The longest between a target's first bad answer and its being taken out: the last of them may use its whole time. */
export function noticeMs({ everyMs, timeoutMs, unhealthyAfter }: HealthChecks): number {
  return everyMs * unhealthyAfter + timeoutMs;
}

/** What a load balancer thinks of one target. A new target gets nothing before it has shown itself healthy. */
export function openOpinion({
  healthyAfter,
  unhealthyAfter,
}: Pick<HealthChecks, 'healthyAfter' | 'unhealthyAfter'>) {
  let healthy = false;
  let against = 0;
  return {
    healthy: () => healthy,
    /** Take one answer. Gives whether the opinion changed. */
    take(good: boolean): boolean {
      against = good === healthy ? 0 : against + 1;
      if (against < (healthy ? unhealthyAfter : healthyAfter)) return false;
      healthy = !healthy;
      against = 0;
      return true;
    },
  };
}

/** A running check of one target. */
export interface Watching {
  healthy(): boolean;
  /** How long each answer took; `undefined`: it did not come in time. */
  readonly tookMs: readonly (number | undefined)[];
  stop(): Promise<void>;
}

/** Check `origin` until stopped. `changed` is told of every change, and awaited before the next check. */
export function watch(
  origin: string,
  checks: HealthChecks,
  changed: (healthy: boolean) => void | Promise<void> = () => undefined,
): Watching {
  const opinion = openOpinion(checks);
  const stopping = new AbortController();
  const tookMs: (number | undefined)[] = [];
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      const status = await statusOf(`${origin}/health`, checks.timeoutMs);
      tookMs.push(status === undefined ? undefined : performance.now() - startedMs);
      if (opinion.take(status === 200)) await changed(opinion.healthy());
      await sleep(checks.everyMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    healthy: opinion.healthy,
    tookMs,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function statusOf(url: string, timeoutMs: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = get(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode));
      response.once('error', () => resolve(undefined));
    });
    asked.once('error', () => resolve(undefined));
  });
}
