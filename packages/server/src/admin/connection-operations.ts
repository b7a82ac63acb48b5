import { objectOf, type Audit, type Connection, type Connections, type Placement } from '@sealgate/vault';
import { z } from 'zod';
import type { ConnectionLine } from '../domain/admin-answers.ts';
import { placementText } from '../domain/upstream-rules.ts';
import type { Upstream } from '../domain/upstream.ts';
import type { Upstreams } from '../domain/upstreams.ts';
import { refuse } from '../errors.ts';
import { operation } from './operation.ts';
import { recorded, type Operator } from './recorded.ts';

const secretCharactersMax = 8192;
const connectionName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/)
  .default('default');
const placement = z.discriminatedUnion('in', [
  z.strictObject({
    in: z.literal('header'),
    name: z.string().max(64).default('authorization'),
    scheme: z.enum(['bearer', 'basic', 'plain']).default('bearer'),
  }),
  z.strictObject({ in: z.literal('query'), name: z.string().max(64) }),
  z.strictObject({ in: z.literal('env'), name: z.string().max(128) }),
]);
const which = { upstream: z.string().max(64), group: z.boolean().default(false), name: connectionName };

const setForm = z.strictObject({
  ...which,
  placement: placement.optional(),
  secret: z.string().max(secretCharactersMax),
});

/** What these operations work on. */
export interface ConnectionOperationParts {
  readonly audit: Audit;
  readonly upstreams: Upstreams;
  readonly connections: Connections;
}

/** `connections.set`, `connections.list`, `connections.remove`. */
export function connectionOperations(parts: ConnectionOperationParts) {
  const { audit, connections } = parts;
  return {
    'connections.set': operation(setForm, (operator, input) => set(parts, operator, input)),
    'connections.list': operation(z.strictObject({}), async ({ context, subject }) => {
      const kept = await connections.list(context.tenant);
      const lines = kept.map((connection) => lineOf(connection, subject));
      return lines.toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1));
    }),
    'connections.remove': operation(z.strictObject(which), async (operator, { upstream, group, name }) => {
      const { tenant } = operator.context;
      const connectionId = connections.idOf(upstream, group ? '' : operator.subject, name);
      const act = {
        act: 'connection.remove' as const,
        object: objectOf(tenant, connectionId),
        service: upstream,
      };
      const removed = await recorded(audit, operator, act, (receipt) =>
        connections.remove(receipt, tenant, connectionId),
      );
      if (!removed)
        throw refuse('not_found', `no ${group ? 'group ' : ''}credential "${name}" is set for "${upstream}"`);
      return { upstream, name, removed };
    }),
  };
}

async function set(
  { audit, upstreams, connections }: ConnectionOperationParts,
  operator: Operator,
  { upstream: name, group, name: called, placement: asked, secret }: z.output<typeof setForm>,
): Promise<ConnectionLine> {
  const { tenant } = operator.context;
  const upstream = upstreams.find(tenant, name);
  if (upstream === undefined)
    throw refuse(
      'upstream_unknown',
      `there is no upstream "${name}"; add it first: sealgate upstreams add ${name}`,
    );
  const subject = group ? '' : operator.subject;
  const connectionId = connections.idOf(name, subject, called);
  const where = placementFor(upstream, asked);
  const wanted = {
    tenant,
    subject,
    upstream: name,
    name: called,
    placement: where,
    origin: originOf(upstream),
  };
  const bytes = Buffer.from(secret, 'utf8');
  try {
    const act = { act: 'connection.set' as const, object: objectOf(tenant, connectionId), service: name };
    const connection = await recorded(audit, operator, act, (receipt) =>
      connections.set(receipt, wanted, bytes),
    );
    return lineOf(connection, operator.subject);
  } finally {
    bytes.fill(0);
  }
}

function placementFor(upstream: Upstream, asked: Placement | undefined): Placement {
  const chosen = asked ?? upstream.credential;
  if (chosen === undefined)
    throw refuse(
      'usage',
      `upstream "${upstream.name}" does not say where its credential goes; say it with ${upstream.kind === 'http' ? '--in header or --in query' : '--in env --as NAME'}`,
    );
  if ((chosen.in === 'env') !== (upstream.kind === 'stdio'))
    throw refuse(
      'usage',
      upstream.kind === 'stdio'
        ? 'the credential of a command goes into its environment: --in env --as NAME'
        : 'the credential of an address goes into a header or a query value',
    );
  return chosen;
}

function originOf(upstream: Upstream): string {
  return upstream.kind === 'http' ? new URL(upstream.url).origin : '';
}

function lineOf(
  { upstream, name, subject, placement: where, origin, createdAtMs }: Connection,
  asker: string,
): ConnectionLine {
  const owner = subject === '' ? 'group' : subject === asker ? 'own' : 'other';
  return { upstream, name, owner, placement: placementText(where), origin, setAtMs: createdAtMs };
}
