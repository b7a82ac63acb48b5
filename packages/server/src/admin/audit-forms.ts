import { exportFormats, objectOf, reportNames, type CallFilter } from '@sealgate/vault';
import { z } from 'zod';
import { refuse } from '../errors.ts';
import type { Change } from './recorded.ts';

// What questions to the log look like. A tenant that is not named is the operator's own; `*` is every one.

const name = z.string().min(1).max(2048);
const atMs = z.number().int().min(0);
const zone = z.string().min(1).max(64).default('UTC');
const named = {
  tenant: name.optional(),
  act: name.optional(),
  actor: name.optional(),
  service: name.optional(),
  object: name.optional(),
  /** Of the tenant that is asked about: the object that it is. */
  connection: name.optional(),
  tool: name.optional(),
  source: z.enum(['mcp', 'webui', 'api', 'cli', 'stdio', 'discord', 'job', 'system']).optional(),
  request: name.optional(),
  ip: name.optional(),
  agent: name.optional(),
};
const filter = {
  ...named,
  out: z.enum(['success', 'failure', 'denied', 'error', 'aborted', 'unknown', 'none']).optional(),
  code: name.optional(),
  msMin: z.number().int().min(0).optional(),
  sinceMs: atMs.optional(),
  untilMs: atMs.optional(),
};

/** Inputs of the operations, by operation. */
export const auditForms = {
  list: z.strictObject({
    ...filter,
    order: z.enum(['newest', 'oldest']).default('newest'),
    limit: z.number().int().min(1).max(1_000_000).default(50),
  }),
  show: z.strictObject({ tenant: named.tenant, id: z.string().min(1).max(64) }),
  stats: z.strictObject({ ...filter, zone }),
  search: z.strictObject({
    ...filter,
    text: z.string().min(2).max(200),
    limit: z.number().int().min(1).max(1000).default(50),
  }),
  tail: z.strictObject({ ...named, sinceMs: filter.sinceMs }),
  report: z.strictObject({
    report: z.enum(reportNames),
    tenant: name.optional(),
    zone,
    sinceMs: atMs,
    untilMs: atMs.optional(),
  }),
  export: z.strictObject({ ...filter, format: z.enum(exportFormats) }),
  verify: z.strictObject({}),
};

/** Whose log is meant: `undefined` is everybody's. */
export function tenantOf(named: string | undefined, own: string): string | undefined {
  return named === '*' ? undefined : (named ?? own);
}

/** The entry of whoever looks at a log. @param tenant whose; `undefined`: everybody's */
export function look(
  act: 'audit.export' | 'audit.read' | 'audit.verify',
  tenant: string | undefined,
): Change {
  return { act, object: `log:${tenant ?? '*'}`, service: 'audit' };
}

/** The filter of a question. @throws Refusal `usage` for a connection of everybody */
export function filterOf(
  { connection, ...asked }: CallFilter & { readonly connection?: string | undefined },
  own: string,
): CallFilter {
  const tenant = tenantOf(asked.tenant, own);
  if (connection === undefined) return { ...asked, tenant };
  if (tenant === undefined || asked.object !== undefined)
    throw refuse('usage', 'a connection is one of a group: name the group, and no other object');
  return { ...asked, tenant, object: objectOf(tenant, connection) };
}
