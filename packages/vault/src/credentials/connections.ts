import type { SealedTables } from '../keys/sealed-tables.ts';
import { redeem, type Receipt } from '../receipt.ts';
import { refuse } from '../refusal.ts';
import type { Bus } from '../store/bus.ts';
import { everyPage } from '../store/every-page.ts';
import {
  openConnectionChanges,
  type ConnectionChange,
  type ConnectionChanges,
} from './connection-changes.ts';
import { foundRows, type Sought, type ConnectionRow, type Found } from './found-rows.ts';
import type { Connection, Connections } from './gate.ts';
import { checkCredential } from './inject.ts';
import type { Placement } from './placement.ts';

// A row of `connections`: the description in clear, the credential sealed at its own place
// (tenant, subject, row, field, placement, origin, epoch), so that it opens in no other row, for no other person, and
// for no other address.
//
//   groupId · connectionId = upstream#subject#name · subject · upstream · name · placement · origin
//   epoch (milliseconds of the moment it was set: a row that is removed and set again never repeats one)
//   createdAtMs · credential (sealed)

/** What {@link openConnections} gives: the kept connections, and the way of the gate to their sealed rows. */
export interface ConnectionRows extends Connections {
  /**
   * The person's own connection to the upstream, or the group's; as it was up to `foundLifeMs` ago where another process
   * has changed it unheard, and never older than the last change that this process made or heard of. `undefined` when
   * there is neither.
   */
  find(tenant: string, subject: string, upstream: string, name: string): Promise<Found | undefined>;
  /**
   * The row as it stands now: read again when this process has changed any, or heard of a change, since it was found.
   * `undefined` when it is gone.
   */
  current(found: Found): Promise<ConnectionRow | undefined>;
  /**
   * Open the credential of a row.
   *
   * @param receipt of the entry `act` on this very row; spent here
   * @throws Refusal `receipt_invalid`, `open_failed`, `key_unavailable`
   */
  open(receipt: Receipt, act: string, row: ConnectionRow): Promise<Buffer>;
  /** How often each credential was opened since this was made, by the object of its entries. Nothing else counts it. */
  uses(): ReadonlyMap<string, number>;
  onChange: ConnectionChanges['onChange'];
  /**
   * Tell other instances of changes, and hear of theirs, from now on.
   *
   * @param failed told when the others could not be told; the change itself stands
   * @returns how to stop
   * @throws Refusal `store_unavailable`
   */
  follow(bus: Pick<Bus, 'publish' | 'subscribe'>, failed: (error: unknown) => void): Promise<() => void>;
}

const attemptsMax = 5;

/** Connections on the sealed tables. */
export function openConnections(tables: SealedTables, now: () => number): ConnectionRows {
  const told = openConnectionChanges();
  const lately = foundRows(now);
  const uses = useCounts();
  let changes = 0;
  // Also after a failure, for then nobody knows whether it was written.
  const counted = (): unknown => (changes += 1);
  return {
    idOf: connectionIdOf,
    async set(receipt, wanted, secret) {
      const connectionId = connectionIdOf(wanted.upstream, wanted.subject, wanted.name);
      redeem(receipt, 'connection.set', objectOf(wanted.tenant, connectionId));
      checkCredential(secret, wanted.placement);
      const written = write(tables, { ...wanted, connectionId }, secret, now);
      const connection = await written.finally(counted);
      await told.tell(changeOf('set', connection));
      return connection;
    },
    async remove(receipt, tenant, connectionId) {
      redeem(receipt, 'connection.remove', objectOf(tenant, connectionId));
      const removed = await drop(tables, { groupId: tenant, connectionId }).finally(counted);
      if (removed === undefined) return false;
      await told.tell(changeOf('removed', connectionOf(removed)));
      return true;
    },
    list: (tenant) => listAll(tables, tenant),
    async find(tenant, subject, upstream, name) {
      const sought = { tenant, subject, upstream, name };
      const known = lately.get(sought, changes);
      if (known !== undefined) return known.found;
      const look = { changes, atMs: now() };
      const found = await read(tables, sought, look.changes);
      lately.keep(sought, { ...look, found });
      return found;
    },
    async current({ row, changes: before }) {
      return changes === before ? row : again(tables, row);
    },
    async open(receipt, act, row) {
      const object = objectOf(row.groupId, row.connectionId);
      redeem(receipt, act, object);
      const secret = await tables.openField('connections', row, 'credential');
      uses.count(object);
      return secret;
    },
    uses: uses.counted,
    onChange: told.onChange,
    follow: (bus, failed) => told.follow(bus, { heard: counted, failed }),
  };
}

async function again(
  tables: SealedTables,
  { groupId, connectionId }: ConnectionRow,
): Promise<ConnectionRow | undefined> {
  return (await tables.get('connections', { groupId, connectionId }))?.item;
}

function useCounts() {
  const counts = new Map<string, number>();
  return {
    count: (object: string) => void counts.set(object, (counts.get(object) ?? 0) + 1),
    counted: (): ReadonlyMap<string, number> => new Map(counts),
  };
}

function changeOf(
  is: ConnectionChange['is'],
  { tenant, subject, upstream, connectionId, epoch }: Connection,
): ConnectionChange {
  return { is, tenant, subject, upstream, connectionId, epoch };
}

async function read(
  tables: SealedTables,
  { tenant, subject, upstream, name }: Sought,
  changes: number,
): Promise<Found | undefined> {
  const own = { groupId: tenant, connectionId: connectionIdOf(upstream, subject, name) };
  const whole = { groupId: tenant, connectionId: connectionIdOf(upstream, '', name) };
  const stored = (await tables.get('connections', own)) ?? (await tables.get('connections', whole));
  return stored === undefined ? undefined : { row: stored.item, changes };
}

/** The object that receipts of connection mutations are bound to. No tenant and connection have that of another pair. */
export function objectOf(tenant: string, connectionId: string): string {
  return `connection:${tenant.replaceAll('%', '%25').replaceAll('/', '%2f')}/${connectionId}`;
}

/** Whose connection an object is, as {@link objectOf} made it. */
export function tenantOfObject(object: string): string {
  const tenant = object.slice('connection:'.length).split('/', 1)[0]!;
  return tenant.replaceAll('%2f', '/').replaceAll('%25', '%');
}

/** The description in a row. */
export function connectionOf(row: ConnectionRow): Connection {
  return {
    connectionId: row.connectionId,
    tenant: row.groupId,
    subject: row.subject as string,
    upstream: row.upstream as string,
    name: row.name as string,
    placement: row.placement as Placement,
    origin: row.origin as string,
    epoch: row.epoch as number,
    createdAtMs: row.createdAtMs as number,
  };
}

// `%` and `#` are escaped, so that no subject or name can imitate another row's id.
function connectionIdOf(upstream: string, subject: string, name: string): string {
  const part = (text: string): string =>
    text.replaceAll('%', '%25').replaceAll('#', '%23').replaceAll('*', '%2a');
  return `${part(upstream)}#${subject === '' ? '*' : part(subject)}#${part(name)}`;
}

async function listAll(tables: SealedTables, tenant: string): Promise<readonly Connection[]> {
  const connections: Connection[] = [];
  const question = { partition: tenant, limit: 200 };
  for await (const page of everyPage((from) => tables.query('connections', { ...question, ...from })))
    connections.push(...page.items.map((stored) => connectionOf(stored.item)));
  return connections;
}

async function write(
  tables: SealedTables,
  wanted: Omit<Connection, 'epoch' | 'createdAtMs'>,
  secret: Uint8Array,
  now: () => number,
): Promise<Connection> {
  const { tenant, ...described } = wanted;
  const key = { groupId: tenant, connectionId: wanted.connectionId };
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const found = await tables.get('connections', key);
    const before = found === undefined ? 0 : (found.item.epoch as number);
    const nowMs = now();
    const item = { ...described, groupId: tenant, epoch: Math.max(before + 1, nowMs), createdAtMs: nowMs };
    const guard = found === undefined ? { ifAbsent: true as const } : { ifRevision: found.revision };
    const revision = await tables.put('connections', { ...item, credential: secret }, guard);
    if (revision !== undefined) return { ...wanted, epoch: item.epoch, createdAtMs: nowMs };
  }
  throw contended();
}

// Under a guard, so that whoever listens is told of the very row that went.
async function drop(
  tables: SealedTables,
  key: { readonly groupId: string; readonly connectionId: string },
): Promise<ConnectionRow | undefined> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const found = await tables.get('connections', key);
    if (found === undefined) return undefined;
    if (await tables.remove('connections', key, { ifRevision: found.revision })) return found.item;
  }
  throw contended();
}

function contended(): Error {
  return refuse('store_unavailable', 'the connection is being changed by others; try again');
}
