import type { IncomingHttpHeaders } from 'node:http';
import type { JournalHealth } from '@sealgate/vault';
import type { HttpParts } from '../http/server.ts';
import { isLoopback } from '../auth/bearer.ts';
import { refuse } from '../errors.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Ground } from './ground.ts';
import type { Sealgate } from './sealgate.ts';

/** What answers beside `/mcp/{upstream}`: health and metrics. */
export function openRoutes(
  { ground, gate, protocol, config }: Pick<Sealgate, 'ground' | 'gate' | 'protocol' | 'config'>,
  metrics: Metrics,
): Required<Pick<HttpParts<unknown>, 'health' | 'routes'>> {
  const held = [
    ['children', 'Child processes that run now.'],
    ['conversations', 'Conversations with HTTP upstreams that are open now.'],
    ['sessions', 'Sessions of clients that are held here now.'],
    ['parked', 'Calls that wait for a client to answer a question of their upstream.'],
    ['listening', 'Subscription streams of clients that are open now.'],
  ] as const;
  for (const [name, help] of held) metrics.observe(`sealgate_${name}`, help, () => protocol.counts()[name]);
  metrics.observe('sealgate_upstreams_resting', 'Upstreams left alone after failures.', gate.resting);
  metrics.observe(
    'sealgate_journal_waiting',
    'Journal entries that wait for the disk.',
    () => ground.journal.health().waiting,
  );
  metrics.observe(
    'sealgate_journal_lost',
    'Outcomes the journal had no room for.',
    () => ground.journal.health().lost,
  );
  observeAuditLog(metrics, ground);
  observeAnchors(metrics, ground.auditAnchors);
  observeProcess(metrics);
  return {
    async health() {
      const failing = await failingStores(ground);
      const facts = {
        stores: { tables: config.database.type, journal: 'sqlite', ...ground.kinds },
        failing,
        audit: {
          sealing: ground.auditLog.health().failing ? 'failing' : 'ok',
          journal: journalState(ground.journal.health()),
          anchors: ground.auditAnchors.health().state,
        },
        encryption: { on: true, keys: config.keys.provider },
      };
      return { well: failing.length === 0, facts };
    },
    routes(app) {
      app.get('/metrics', { config: { guard: 'machine' } }, (request, reply) => {
        // Figures of a running gateway are its operator's: they are told to this machine only. What a proxy on this
        // machine passes on comes from elsewhere, and shows by the name that was asked for or by the proxy's own headers.
        if (!isLoopback(request.ip) || !isLocal(request.hostname) || isPassedOn(request.headers))
          throw refuse('not_found', 'there is nothing at this address');
        reply.hijack();
        metrics.scrape(request.raw, reply.raw);
      });
    },
  };
}

function observeAuditLog(metrics: Metrics, { auditLog, journal, befallen }: Ground): void {
  const { observe } = metrics;
  observe(
    'sealgate_audit_gaps',
    'Entries of the audit log found missing, occasions since the start.',
    () => befallen().gaps,
  );
  observe('sealgate_audit_clock_steps', 'Jumps of the clock since the start.', () => befallen().clockSteps);
  metrics.observeEach(
    'sealgate_audit_devices',
    'Devices of the audit journal: 1 for the state it is in.',
    () =>
      devicesOf(journal.health()).flatMap(({ device, state: is }) =>
        deviceStates.map((state) => ({ labels: { device, state }, value: Number(is === state) })),
      ),
  );
  const { health } = auditLog;
  observe('sealgate_audit_log_sealed', 'Entries sealed into the audit log.', () => health().sealed);
  observe('sealgate_audit_log_failures', 'Failures of sealing the audit log.', () => health().failures);
  observe('sealgate_audit_log_failing', 'Whether sealing the audit log failed last: 1 or 0.', () =>
    Number(health().failing),
  );
}

const deviceStates = ['ok', 'catching_up', 'failed'] as const;

function devicesOf({ devices, failing }: JournalHealth): JournalHealth['devices'] {
  return devices.length > 0 ? devices : [{ device: 'journal', state: failing ? 'failed' : 'ok' }];
}

/** `degraded`: entries are durable, on fewer devices than there should be. */
function journalState(health: JournalHealth): 'ok' | 'degraded' | 'failing' {
  if (health.failing) return 'failing';
  return devicesOf(health).every(({ state }) => state === 'ok') ? 'ok' : 'degraded';
}

function observeAnchors({ observe }: Metrics, { health }: Ground['auditAnchors']): void {
  observe(
    'sealgate_audit_anchor_made',
    'Checkpoints of the audit log noted elsewhere.',
    () => health().anchored,
  );
  observe('sealgate_audit_anchor_failures', 'Failures of noting one elsewhere.', () => health().failures);
  observe('sealgate_audit_anchor_overdue', 'Whether a place got none for three intervals: 1 or 0.', () =>
    Number(health().state === 'overdue'),
  );
}

function observeProcess(metrics: Metrics): void {
  metrics.observe('sealgate_process_resident_bytes', 'Resident memory of the process.', () =>
    process.memoryUsage.rss(),
  );
  metrics.observe(
    'sealgate_process_heap_bytes',
    'JavaScript heap in use.',
    () => process.memoryUsage().heapUsed,
  );
  metrics.observe('sealgate_process_cpu_seconds', 'CPU time of the process since its start.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
}

function isLocal(hostname: string): boolean {
  return /^(?:localhost|127\.0\.0\.1|\[::1\])$/i.test(hostname);
}

function isPassedOn(headers: IncomingHttpHeaders): boolean {
  return ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'].some(
    (name) => headers[name] !== undefined,
  );
}

async function failingStores({
  tables,
  records,
  kinds,
  journal,
  administrator,
}: Ground): Promise<readonly string[]> {
  const { tenant, subject } = administrator;
  const readable = await tables.get('memberships', { groupId: tenant, userId: subject }).then(
    (found) => found !== undefined,
    () => false,
  );
  const answers =
    kinds.records === 'tables' ||
    (await records.get('health').then(
      () => true,
      () => false,
    ));
  return [
    ...(readable ? [] : ['tables']),
    ...(answers ? [] : ['records']),
    ...(journal.health().failing ? ['journal'] : []),
  ];
}
