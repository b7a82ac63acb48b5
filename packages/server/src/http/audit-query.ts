import { exportFormats, reportNames } from '@sealgate/vault';
import { z } from 'zod';
import { refuse } from '../errors.ts';

// Query parameters are called as the options of `sealgate audit` are, and become the inputs of the same operations, which
// judge them once more. One that is not known, or comes twice, is refused: taken for nothing, it would widen the answer.

const text = z.string().min(1).max(2048);
const whole = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);
/** A time as people write it, or in milliseconds since 1970. */
const time = z
  .string()
  .max(40)
  .transform((written, context) => {
    const atMs = /^\d{11,15}$/.test(written) ? Number(written) : Date.parse(written);
    if (!Number.isNaN(atMs)) return atMs;
    context.addIssue({ code: 'custom' });
    return z.NEVER;
  });
/** `field=value`. */
const parameter = text.regex(/^[^=]+=/).transform((written) => {
  const at = written.indexOf('=');
  return { name: written.slice(0, at), value: written.slice(at + 1) };
});
const filter = {
  tenant: text.optional(),
  act: text.optional(),
  actor: text.optional(),
  service: text.optional(),
  object: text.optional(),
  connection: text.optional(),
  tool: text.optional(),
  source: text.optional(),
  request: text.optional(),
  ip: text.optional(),
  agent: text.optional(),
  flag: text.optional(),
  /** Each must be there. */
  param: z.union([parameter, z.array(parameter).max(16)]).optional(),
  outcome: text.optional(),
  status: text.optional(),
  slower: whole.optional(),
  since: time.optional(),
  until: time.optional(),
};
const zone = z.string().min(1).max(64).optional();
const days = whole.default(30);
const tenant = text.optional();

/** The query of each route. */
export const auditQueries = {
  events: z.strictObject({
    ...filter,
    order: z.enum(['newest', 'oldest']).optional(),
    limit: whole.optional(),
    cursor: text.optional(),
  }),
  search: z.strictObject({ ...filter, text: z.string().min(2).max(200), limit: whole.optional() }),
  event: z.strictObject({ tenant }),
  stats: z.strictObject({ ...filter, zone }),
  report: z.strictObject({
    tenant,
    days,
    until: time.optional(),
    zone,
    format: z.enum(['jsonl', 'csv']).default('jsonl'),
  }),
  reportName: z.enum(reportNames),
  export: z.strictObject({
    ...filter,
    format: z.enum(exportFormats).default('jsonl'),
    /** `true`: with what proves it, as pieces. */
    proof: z.enum(['true', 'false']).default('false'),
  }),
  checkpoint: z.strictObject({ tenant }),
  proof: z.strictObject({ tenant, id: text, format: z.enum(['text', 'json']).default('text') }),
  consistency: z.strictObject({ tenant, origin: text.optional(), old: whole, new: whole.optional() }),
};

/** Read a query. @throws Refusal `usage` with the names of what is wrong, and never a value */
export function readQuery<S extends z.ZodType>(form: S, query: unknown): z.output<S> {
  const parsed = form.safeParse(query);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => key.slice(0, 40)) : [issue.path.join('.')],
  );
  throw refuse('usage', `the question is refused: ${wrong.slice(0, 10).join(', ') || 'its path'}`);
}

type Filter = z.output<typeof auditQueries.stats>;

/** The names of operations for those of the query. What is not given is left out. */
export function asked({ outcome, status, slower, since, until, param, ...same }: Partial<Filter>): object {
  const params = param && [param].flat();
  const all = { ...same, params, out: outcome, code: status, msMin: slower, sinceMs: since, untilMs: until };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
