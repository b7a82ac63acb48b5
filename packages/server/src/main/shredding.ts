import {
  dropOwned,
  objectOf,
  Refusal,
  sealedTables,
  sessionRecords,
  systemTenant,
  tableRecords,
  type ShredOrder,
} from '@sealgate/vault';
import { recorded, type Operator } from '../admin/recorded.ts';
import type { AdministeredShredding } from '../admin/shred-operations.ts';
import type { Whose } from '../caller.ts';
import { dropAuditorsOf } from '../domain/auditors.ts';
import { groupsWith, removePersonRows, type KnownPerson } from '../domain/shredded-person.ts';
import { everyConnection, membersOf, removeGroupRows, type CountRemoved } from '../domain/shredded-rows.ts';
import type { TenantRootKeeping } from '../domain/tenant-roots.ts';
import { upstreamObject } from '../domain/upstreams.ts';
import { dropSessionRecords } from '../gateway/front/session-record.ts';
import { everyBackup, redisBackup } from './backups.ts';
import { rootBackups } from './root-backups.ts';
import { lookAt } from './shred-look.ts';
import type { Opened } from './opened.ts';

type Shred = (
  receipt: Parameters<AdministeredShredding['shred']>[0],
  operator: Operator,
  id: string,
) => ReturnType<AdministeredShredding['shred']>;

/** Shredding on an opened data directory: the vault destroys the keys, and here goes what else belongs to them. */
export function openShredding(opened: Opened, roots: Pick<TenantRootKeeping, 'look'>): AdministeredShredding {
  const { holds, sealer, auditTrim } = opened.ground;
  const { administration } = sealer;
  const orderOf = (operator: Operator, remove: ShredOrder['remove']): ShredOrder => ({
    correlation: operator.context.correlation,
    remove,
    forget: (names, destroyed) => forget({ ...opened, roots }, names, destroyed),
  });
  const shredTenant: Shred = async (receipt, operator, id) => {
    await holds.refuseHeld([id]);
    const remove = (count: CountRemoved): Promise<void> => removeTenant(opened, operator, id, count);
    return administration.shredTenant(receipt, id, orderOf(operator, remove));
  };
  const shredPerson: Shred = async (receipt, operator, id) => {
    const person = await whoGoes(opened, id);
    await holds.refuseHeld([...person.tenants, ...person.places]);
    const remove = (count: CountRemoved): Promise<void> => removePerson(opened, operator, person, count);
    return administration.shredPerson(receipt, person, orderOf(operator, remove));
  };
  return {
    look: (asked) => lookAt(opened, asked),
    async shred(receipt, operator, { kind, id }) {
      const done = await (kind === 'tenant'
        ? shredTenant(receipt, operator, id)
        : shredPerson(receipt, operator, id));
      // The journal is sealed under a key that is not destroyed.
      await auditTrim.all();
      return done;
    },
    receiptOf: async (of) => (await administration.shredding(of))?.receipt,
    signingKey: () => administration.signingKey(),
  };
}

/** Where sessions, grants and tokens lie, whatever the count calls them. */
const endingRows = ['oauth_server', 'record_owners', 'records', 'uniques'] as const;

interface WhoGoes {
  readonly subject: string;
  readonly tenants: readonly string[];
  readonly places: readonly string[];
  readonly known: KnownPerson | undefined;
}

// What an attempt that was killed had found out stays with its job: the rows that said so may be gone.
async function whoGoes({ ground }: Opened, subject: string): Promise<WhoGoes> {
  const { tables, people, sealer } = ground;
  const job = await sealer.administration.shredding({ kind: 'person', id: subject });
  const known = await people.find(subject);
  const groups = await groupsWith(tables, subject);
  const tenants = known === undefined ? (job?.tenants ?? []) : [known.tenant];
  return { subject, tenants, places: [...new Set([...(job?.places ?? []), ...groups])], known };
}

async function forget(
  { ground, config, roots }: Opened & { readonly roots: Pick<TenantRootKeeping, 'look'> },
  ...[names, destroyed]: Parameters<ShredOrder['forget']>
): ReturnType<ShredOrder['forget']> {
  const { storage, backups } = await ground.forgetRows([...new Set([...names, ...endingRows])]);
  const redis = config.redis === undefined ? [] : [redisBackup];
  const ofRoots = await rootBackups(destroyed, roots);
  return { storage, backups: [...backups, ...everyBackup, ...redis, ...ofRoots] };
}

async function removeTenant(
  opened: Opened,
  operator: Operator,
  tenant: string,
  count: CountRemoved,
): Promise<void> {
  const { ground, authorization } = opened;
  const { audit, upstreams, tables } = ground;
  const members = await membersOf(tables, tenant);
  await count('grants', await authorization.ends.ofTenant(tenant));
  for (const subject of members) await endSessions(opened, { tenant, subject }, count);
  await removeConnections(opened, operator, ({ groupId }) => groupId === tenant, count);
  for (const { upstream } of upstreams.list(tenant)) {
    const { name } = upstream;
    const act = { act: 'upstream.remove' as const, object: upstreamObject(tenant, name), service: name };
    await recorded(audit, operator, act, (receipt) => upstreams.remove(receipt, tenant, name));
    await count('mcp_servers', 1);
  }
  await removeGroupRows(tables, tenant, count);
  await count('records', await dropAuditorsOf({ ...ground, now: opened.now }, tenant));
  // Not a table of the store: it lies with the audit log of this instance.
  await count('audit_secrets', Number(await ground.auditLog.forget(tenant)));
}

async function removePerson(
  opened: Opened,
  operator: Operator,
  { subject, tenants, places, known }: WhoGoes,
  count: CountRemoved,
): Promise<void> {
  const { ground, authorization, now } = opened;
  const { tables, sealer } = ground;
  // First they cannot come in any more; then whatever they had opened ends.
  const rows = { tables, sealed: sealedTables(tables, sealer) };
  await removePersonRows(rows, subject, known, count);
  await authorization.ends.ofAccount(subject);
  const sessions = { kind: 'session', table: 'sessions', tenant: systemTenant } as const;
  await count('sessions', await dropOwned(sessionRecords(tables, { now }), sealer, sessions, subject));
  const earlier = { ...sessions, table: 'web_sessions' };
  await count('records', await dropOwned(tableRecords(tables, { now }), sealer, earlier, subject));
  for (const tenant of new Set([...places, ...tenants]))
    await endSessions(opened, { tenant, subject }, count);
  await removeConnections(opened, operator, (row) => row['subject'] === subject, count);
  for (const tenant of tenants) await removeTenant(opened, operator, tenant, count);
}

// What is open here ends at once; other instances hear that the grants are gone.
async function endSessions({ ground, protocol }: Opened, whose: Whose, count: CountRemoved): Promise<void> {
  await count('mcp_sessions', await dropSessionRecords(ground.records, ground.sealer, whose));
  await protocol.endOf(whose).catch((error: unknown) => {
    if (!(error instanceof Refusal && error.code === 'key_shredded')) throw error;
  });
}

// One by one, so that whoever holds something that was lent with one lets go of it.
async function removeConnections(
  { ground: { audit, tables, connections } }: Opened,
  operator: Operator,
  meant: Parameters<typeof everyConnection>[1],
  count: CountRemoved,
): Promise<void> {
  for (const { groupId, connectionId, upstream } of await everyConnection(tables, meant)) {
    const object = objectOf(groupId, connectionId);
    const act = { act: 'connection.remove' as const, object, service: upstream as string };
    const removed = await recorded(audit, operator, act, (receipt) =>
      connections.remove(receipt, groupId, connectionId),
    );
    await count('connections', removed ? 1 : 0);
  }
}
