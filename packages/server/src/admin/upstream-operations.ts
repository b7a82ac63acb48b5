import { objectOf, type Audit, type Connections } from '@sealgate/vault';
import { z } from 'zod';
import type { UpstreamLine } from '../domain/admin-answers.ts';
import { auditForm } from '../domain/mcp-servers-file.ts';
import { placementText } from '../domain/upstream-rules.ts';
import type { Upstream } from '../domain/upstream.ts';
import { refuseFaulty, upstreamObject, type KeptUpstream, type Upstreams } from '../domain/upstreams.ts';
import { refuse } from '../errors.ts';
import { operation } from './operation.ts';
import { recorded, type Operator } from './recorded.ts';

const httpPlacement = z.discriminatedUnion('in', [
  z.strictObject({ in: z.literal('header'), name: z.string(), scheme: z.enum(['bearer', 'basic', 'plain']) }),
  z.strictObject({ in: z.literal('query'), name: z.string() }),
]);
const envPlacement = z.strictObject({ in: z.literal('env'), name: z.string() });
const text = z.string().max(4096);
const http = z.strictObject({
  kind: z.literal('http'),
  name: text,
  url: text,
  credential: httpPlacement.optional(),
  audit: auditForm.optional(),
});
const stdio = z.strictObject({
  kind: z.literal('stdio'),
  name: text,
  command: text,
  args: z.array(text).max(200),
  env: z.record(text, text),
  cwd: text.optional(),
  credential: envPlacement.optional(),
  audit: auditForm.optional(),
});

/** What these operations work on. */
export interface UpstreamOperationParts {
  readonly audit: Audit;
  readonly upstreams: Upstreams;
  readonly connections: Connections;
}

/** `upstreams.add`, `upstreams.list`, `upstreams.remove`. */
export function upstreamOperations({ audit, upstreams, connections }: UpstreamOperationParts) {
  return {
    'upstreams.add': operation(
      z.strictObject({ upstream: z.discriminatedUnion('kind', [http, stdio]) }),
      async (operator, { upstream: asked }) => {
        const upstream: Upstream =
          asked.kind === 'http'
            ? { ...asked, credential: asked.credential }
            : { ...asked, cwd: asked.cwd, credential: asked.credential };
        // Judged before it is recorded: a name that is none does not belong into the journal.
        refuseFaulty(upstream);
        const { tenant } = operator.context;
        const { name } = upstream;
        await recorded(
          audit,
          operator,
          { act: 'upstream.add', object: upstreamObject(tenant, name), service: name },
          (receipt) => upstreams.add(receipt, tenant, upstream),
        );
        return { name, path: `/mcp/${name}` };
      },
    ),
    'upstreams.list': operation(z.strictObject({}), async (operator): Promise<readonly UpstreamLine[]> => {
      const { tenant } = operator.context;
      const set = await connections.list(tenant);
      const connected = new Set(
        set
          .filter(({ subject }) => subject === '' || subject === operator.subject)
          .map(({ upstream }) => upstream),
      );
      return upstreams.list(tenant).map((kept) => lineOf(kept, connected.has(kept.upstream.name)));
    }),
    'upstreams.remove': operation(z.strictObject({ name: text }), async (operator, { name }) => {
      const { tenant } = operator.context;
      if (upstreams.find(tenant, name) === undefined)
        throw refuse('upstream_unknown', `there is no upstream "${name}"`);
      const removed = await recorded(
        audit,
        operator,
        { act: 'upstream.remove', object: upstreamObject(tenant, name), service: name },
        (receipt) => upstreams.remove(receipt, tenant, name),
      );
      return { name, removed, connections: await removeConnections(audit, connections, operator, name) };
    }),
  };
}

// A credential must not wait for whatever is called the same next.
async function removeConnections(
  audit: Audit,
  connections: Connections,
  operator: Operator,
  upstream: string,
): Promise<number> {
  const { tenant } = operator.context;
  const left = (await connections.list(tenant)).filter((connection) => connection.upstream === upstream);
  for (const { connectionId } of left) {
    const act = {
      act: 'connection.remove' as const,
      object: objectOf(tenant, connectionId),
      service: upstream,
    };
    await recorded(audit, operator, act, (receipt) => connections.remove(receipt, tenant, connectionId));
  }
  return left.length;
}

function lineOf({ upstream, origin }: KeptUpstream, connected: boolean): UpstreamLine {
  const { name, kind, credential } = upstream;
  const target = upstream.kind === 'http' ? upstream.url : [upstream.command, ...upstream.args].join(' ');
  return {
    name,
    kind,
    target,
    credential: credential === undefined ? undefined : placementText(credential),
    connected,
    origin,
  };
}
