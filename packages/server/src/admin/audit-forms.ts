import {
  exportFormats,
  objectOf,
  paramMatch,
  reportNames,
  type CallFilter,
  type TagsOf,
} from '@sealgate/vault';
import { z } from 'zod';
import { refuse } from '../errors.ts';
import type { Change } from './recorded.ts';

// What questions to the log look like. A tenant that is not named is the operator's own; `*` is every one.

const name = z.string().min(1).max(2048);
const atMs = z.number().int().min(0);
const zone = z.string().min(1).max(64);
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
  flag: z.enum(['hours']).optional(),
  /** Each must be there. Of one group: its key says what to look for. */
  params: z
    .array(z.strictObject({ name, value: z.string().max(2048) }))
    .max(16)
    .optional(),
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
  stats: z.strictObject({ ...filter, zone: zone.default('UTC') }),
  search: z.strictObject({
    ...filter,
    text: z.string().min(2).max(200),
    limit: z.number().int().min(1).max(1000).default(50),
  }),
  tail: z.strictObject({ ...named, sinceMs: filter.sinceMs }),
  report: z.strictObject({
    report: z.enum(reportNames),
    tenant: name.optional(),
    /** Go by this clock; by what was judged at the time, and the clock of each group, when not given. */
    zone: zone.optional(),
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

/** A question to the log. */
export interface Asked extends Omit<CallFilter, 'params'> {
  readonly connection?: string | undefined;
  readonly params?: readonly { readonly name: string; readonly value: string }[] | undefined;
}

/**
 * The filter of a question.
 *
 * @param tagsOf the keys that parameters are tagged with
 * @throws Refusal `usage` for a connection or a parameter of everybody; those of opening the key
 */
export async function filterOf(
  { connection, params, ...asked }: Asked,
  own: string,
  tagsOf: TagsOf,
): Promise<CallFilter> {
  const tenant = tenantOf(asked.tenant, own);
  if (tenant === undefined && (connection !== undefined || params !== undefined))
    throw refuse('usage', 'connections and parameters are those of one group: name the group');
  if (connection !== undefined && asked.object !== undefined)
    throw refuse('usage', 'a connection is an object: name no other');
  const tagOf = tenant === undefined || params === undefined ? undefined : await tagsOf(tenant);
  return {
    ...asked,
    tenant,
    ...(connection === undefined ? {} : { object: objectOf(tenant!, connection) }),
    ...(params === undefined
      ? {}
      : { params: params.map(({ name: field, value }) => paramMatch(field, value, tagOf)) }),
  };
}
