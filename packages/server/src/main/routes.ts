import type { IncomingHttpHeaders } from 'node:http';
import type { HttpParts } from '../http/server.ts';
import { isLoopback } from '../auth/bearer.ts';
import { refuse } from '../errors.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { auditHealth, observeAudit } from './audit-figures.ts';
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
  observeAudit(metrics, ground);
  observeProcess(metrics);
  return {
    async health() {
      const failing = await failingStores(ground);
      const facts = {
        stores: { tables: config.database.type, journal: config.database.type, ...ground.kinds },
        failing,
        audit: auditHealth(ground),
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
