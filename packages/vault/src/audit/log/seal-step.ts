import { systemTenant } from '../../keys/system-tenant.ts';
import { Refusal } from '../../refusal.ts';
import { beginLog } from './begin-log.ts';
import { eventsOf, type LogEvent } from './events.ts';
import { emptyLog, grown } from './grow-log.ts';
import { joinCalls } from './join-calls.ts';
import type { JournalLine } from './journal-lines.ts';
import type { LogGround } from './log-ground.ts';
import { originOf } from './names.ts';
import type { HeldLine, LogHead, LogName, LogStep, Period, StoredLog } from './segments.ts';
import { holdLine } from './held-lines.ts';
import { newestLogs } from './turn-month.ts';
import { openTurns } from './turns.ts';

/** What some lines of the journal come to. */
export interface SealedLines {
  readonly logs: readonly LogStep[];
  /** Lines whose tenants' keys do not open now. */
  readonly hold: readonly Pick<HeldLine, 'scope' | 'sealed'>[];
}

/**
 * Split lines by tenant, and add them to the tenants' logs.
 *
 * @param waiting scopes whose lines are held; those whose keys turn out not to open are added to it
 * @throws Refusal `key_unavailable` for the deployment's own keys, `store_unavailable`
 */
export async function sealLines(
  ground: LogGround,
  period: Period,
  lines: readonly JournalLine[],
  waiting: Set<string>,
): Promise<SealedLines> {
  const byScope = Map.groupBy(lines, ({ entry }) => entry.tenant);
  const heads = new Map((await newestLogs(period, [...byScope.keys()])).map((log) => [log.scope, log]));
  const logs: LogStep[] = [];
  const turns = openTurns();
  const hold: Pick<HeldLine, 'scope' | 'sealed'>[] = [];
  for (const [scope, own] of byScope) {
    await turns(own.length);
    const step = waiting.has(scope)
      ? undefined
      : await sealScope(ground, period, { scope, lines: own, head: heads.get(scope) });
    if (step !== undefined) {
      logs.push(step);
      continue;
    }
    waiting.add(scope);
    for (const line of own) hold.push({ scope, sealed: await holdLine(ground.sealer, scope, line) });
  }
  return { logs, hold };
}

/** Lines of one scope. */
export interface ScopeLines {
  readonly scope: string;
  readonly lines: readonly JournalLine[];
  /** The newest log there is; `undefined`: none in this period. */
  readonly head: StoredLog | undefined;
}

/** @returns `undefined` when the tenant's keys do not open at present */
export async function sealScope(
  ground: LogGround,
  period: Period,
  { scope, lines, head }: ScopeLines,
): Promise<LogStep | undefined> {
  const { log, before, first } = await logFor(ground, period, { scope, lines, head });
  const attempt = async (): Promise<LogStep> => {
    const keys = await ground.keyring.of(scope);
    const events = await eventsOf(ground, scope, lines, keys);
    const all = [...first, ...events];
    const step = await grown({ reads: period, sealer: ground.sealer }, log, before, { events: all });
    return joinCalls(period, step, all);
  };
  try {
    return await attempt().catch(async (error: unknown) => {
      if (!(error instanceof Refusal && error.code === 'key_shredded')) throw error;
      // Destroyed since the log's keys were opened. The entries stay, without anything about anybody.
      await ground.keyring.forget(scope, 'destroyed');
      return attempt();
    });
  } catch (error) {
    const closed = ['key_disabled', 'key_unavailable', 'open_failed'];
    if (scope === systemTenant || !(error instanceof Refusal && closed.includes(error.code))) throw error;
    await ground.keyring.forget(scope);
    return undefined;
  }
}

async function logFor(
  ground: LogGround,
  period: Period,
  { scope, lines, head }: ScopeLines,
): Promise<{ readonly log: LogName; readonly before: LogHead; readonly first: readonly LogEvent[] }> {
  const turned = head !== undefined && ground.turnedBack.has(originOf(ground.sealer.deployment, head));
  if (head !== undefined && !turned) return { log: head, before: head, first: [] };
  const { log, genesis } = await beginLog(ground, period, scope, lines[0]!.entry.ts);
  return { log, before: emptyLog, first: [genesis] };
}
