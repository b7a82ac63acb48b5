import { plantedSwaps } from '@sealgate/vault';
import { runDoctor } from '../admin/doctor.ts';
import { openOperations, type Operations } from '../admin/operations.ts';
import { reachAddress } from '../admin/reach.ts';
import type { Finding } from '../domain/admin-answers.ts';
import type { Upstream } from '../domain/upstream.ts';
import { requestId } from '../domain/request-id.ts';
import { version } from '../version.ts';
import { tagsThere } from './audit-tags.ts';
import type { Ground } from './ground.ts';
import type { Opened } from './opened.ts';
import { freshRoot } from './root-keys.ts';
import { openTenantRootKeeping } from './tenant-roots.ts';
import { openShredding } from './shredding.ts';

const reachMs = 3000;
const files = [
  'keyring.json',
  'main.db',
  'main.db-wal',
  'main.db-shm',
  'journal.db',
  'journal.db-wal',
  'journal.db-shm',
  'audit-anchors.json',
  'audit-root.db',
  'audit-root.db-wal',
  'audit-root.db-shm',
  'lock.db',
  'mcp.sock',
  'sealgate.sock',
];

/** Administration of an opened data directory. */
export function openAdministration(opened: Opened): Operations {
  const { address, authorization, ground, signIn, protocol, now } = opened;
  const { tenant } = ground.administrator;
  const startedAtMs = now();
  const tenantRoots = openTenantRootKeeping(opened.config, ground);
  return openOperations(
    {
      ...ground,
      tagsOf: tagsThere(ground.auditLog),
      zoneOf: ground.auditZones.zoneOf,
      checkUses: () => ground.uses.check(),
      clients: authorization.clients,
      keys: ground.sealer.administration,
      freshRoot: () => freshRoot(opened.config.dataDirectory, now),
      tenantRoots,
      shredding: openShredding(opened, tenantRoots),
      // A link is of use only where somebody answers to it.
      signInLink: async (subject) =>
        address.port() === undefined ? undefined : signIn?.links.linkFor(subject),
      now,
      doctor: () => examine(opened),
      status: () => ({
        version,
        pid: process.pid,
        origin: address.port() === undefined ? undefined : address.origin(),
        startedAtMs,
        upstreams: ground.upstreams.list(tenant).length,
        children: protocol.counts().children,
        sessions: protocol.counts().sessions,
      }),
    },
    ground.administrator,
  );
}

function examine(opened: Opened): Promise<readonly Finding[]> {
  const { ground, config, now } = opened;
  const { journal, sealer, upstreams, administrator } = ground;
  return runDoctor({
    nodeVersion: process.versions.node,
    dataDirectory: config.dataDirectory,
    files,
    keys: async () => {
      const { provider, roots } = await sealer.describe();
      return { provider, roots: roots.length };
    },
    database: ground.examineDatabase,
    instances: () => instancesOf(ground),
    verifyJournal: () => journal.verify(),
    newestEntryMs: async () => (await journal.page({ order: 'newest', limit: 1 })).entries[0]?.ts,
    plantedSwaps: () => plantedSwaps(sealer),
    upstreams: () => upstreams.list(administrator.tenant).map(({ upstream }) => upstream),
    reach: (upstream) => reach(opened, upstream),
    warnings: config.warnings,
    now,
  });
}

async function instancesOf({ records, several, kinds }: Ground): Promise<string> {
  await records.get('doctor');
  const where = Object.entries(kinds).map(([what, kind]) => `${what}: ${kind}`);
  return `${several ? 'several' : 'this one alone'}; ${where.join(', ')}`;
}

/** Shake hands with it, as the administrator. An address that nothing listens at is told apart first. */
async function reach({ ground, protocol, now }: Opened, upstream: Upstream): Promise<void> {
  if (upstream.kind === 'http') await reachAddress(upstream, reachMs);
  const { tenant, subject } = ground.administrator;
  const actor = { type: 'person', id: subject } as const;
  const context = { tenant, actor, source: 'cli', correlation: requestId(now()) } as const;
  const target = protocol.single(upstream)({
    caller: { tenant, subject, client: 'doctor', source: 'cli', ip: undefined, agent: undefined },
    era: 'legacy',
    capabilities: {},
    holder: undefined,
    hear: () => undefined,
    ask: () => Promise.reject(new Error('a doctor is asked nothing')),
  });
  try {
    await target.introduce(context);
  } finally {
    await target.close();
  }
}
