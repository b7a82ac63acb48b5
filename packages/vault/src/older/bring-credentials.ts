import type { Audit } from '../audit/audit.ts';
import type { AuditContext } from '../audit/entry.ts';
import { objectOf } from '../credentials/connections.ts';
import type { Connection, Connections } from '../credentials/gate.ts';
import { checkCredential } from '../credentials/inject.ts';
import { Refusal } from '../refusal.ts';

// Secrets of another program become connections: each is opened, checked, entered in the journal, sealed at its place and
// wiped, one after the other. A row that does not open is told and left where it is; nothing is ever taken for a secret in
// clear. Whoever runs it again goes on: connections that are there are left alone.

/** One secret of another program, and what becomes of it. */
export interface EarlierCredential {
  /** Names the row in the report. */
  readonly row: string;
  readonly connection: Omit<Connection, 'connectionId' | 'epoch' | 'createdAtMs'>;
  /** The secret, for instance by `openSecretColumns`; wiped here. */
  readonly open: () => Uint8Array | Promise<Uint8Array>;
}

/** What {@link bringCredentials} works with. */
export interface BringParts {
  readonly connections: Connections;
  readonly audit: Audit;
  /** Who imports; each entry names the tenant of its connection. */
  readonly context: AuditContext;
  /** `true`: every row is opened and checked, and nothing is written. */
  readonly dryRun?: boolean | undefined;
}

/** What came of it. */
export interface BroughtCredentials {
  /** Rows that are connections now; in a dry run, that would be. */
  readonly brought: number;
  /** Rows whose connection was there before. */
  readonly there: number;
  readonly refused: readonly { readonly row: string; readonly code: string; readonly message: string }[];
}

/**
 * Make connections of secrets that another program has sealed.
 *
 * @throws Refusal `audit_unavailable`, `store_unavailable`, `key_unavailable`: what came before stands; errors of `open` that
 *   are no Refusal
 */
export async function bringCredentials(
  parts: BringParts,
  rows: Iterable<EarlierCredential> | AsyncIterable<EarlierCredential>,
): Promise<BroughtCredentials> {
  const known = new Map<string, Set<string>>();
  const refused: { row: string; code: string; message: string }[] = [];
  let [brought, there] = [0, 0];
  for await (const each of rows) {
    const { tenant, upstream, subject, name } = each.connection;
    const id = parts.connections.idOf(upstream, subject, name);
    const ids = known.get(tenant) ?? (await idsOf(parts.connections, tenant));
    known.set(tenant, ids);
    if (ids.has(id)) {
      there += 1;
      continue;
    }
    try {
      await bring(parts, each, id);
      ids.add(id);
      brought += 1;
    } catch (error) {
      if (!(error instanceof Refusal) || !ofTheRow.has(error.code)) throw error;
      refused.push({ row: each.row, code: error.code, message: error.message });
    }
  }
  return { brought, there, refused };
}

// What says something of one row; everything else says that no row can be brought now.
const ofTheRow = new Set([
  'credential_invalid',
  'item_invalid',
  'key_weak',
  'open_failed',
  'record_version_unknown',
]);

async function bring(parts: BringParts, { connection, open }: EarlierCredential, id: string): Promise<void> {
  const secret = await open();
  try {
    checkCredential(secret, connection.placement);
    if (parts.dryRun === true) return;
    const context = { ...parts.context, tenant: connection.tenant };
    const object = objectOf(connection.tenant, id);
    const fields = { act: 'connection.set' as const, object, service: connection.upstream };
    const receipt = await parts.audit.record('strict', context, fields);
    try {
      await parts.connections.set(receipt, connection, secret);
    } catch (error) {
      const code = error instanceof Refusal ? error.code : 'internal';
      parts.audit.outcome(receipt.entry, context, { out: 'failure', code });
      throw error;
    }
    parts.audit.outcome(receipt.entry, context, { out: 'success' });
  } finally {
    secret.fill(0);
  }
}

async function idsOf(connections: Connections, tenant: string): Promise<Set<string>> {
  return new Set((await connections.list(tenant)).map(({ connectionId }) => connectionId));
}
