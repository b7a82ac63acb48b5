import type { Call } from '../calls.ts';
import { csvLine } from './csv.ts';

type Value = string | number | undefined;

const columns: Readonly<Record<string, (call: Call) => Value>> = {
  time: ({ attempt }) => new Date(attempt.ts).toISOString(),
  id: ({ attempt }) => attempt.id,
  tenant: ({ attempt }) => attempt.tenant,
  request: ({ attempt }) => attempt.corr,
  class: ({ attempt }) => attempt.cls,
  actor_type: ({ attempt }) => attempt.actor?.type,
  actor: ({ attempt }) => attempt.actor?.id,
  source: ({ attempt }) => attempt.src?.source,
  ip: ({ attempt }) => attempt.src?.ip,
  agent: ({ attempt }) => attempt.src?.agent,
  act: ({ attempt }) => attempt.act,
  object: ({ attempt }) => attempt.obj,
  service: ({ attempt }) => attempt.svc,
  method: ({ attempt }) => attempt.req?.method,
  tool: ({ attempt }) => attempt.req?.tool,
  params: ({ attempt }) => textOf(attempt.req?.params),
  flags: ({ attempt }) => attempt.flags?.join(' '),
  request_bytes: ({ attempt }) => attempt.req?.bytes,
  outcome: ({ outcome }) => outcome?.out ?? 'none',
  code: ({ outcome }) => outcome?.code,
  ms: ({ outcome }) => outcome?.ms,
  bytes: ({ outcome }) => outcome?.bytes,
  outcome_id: ({ outcome }) => outcome?.id,
  outcome_time: ({ outcome }) => outcome && new Date(outcome.ts).toISOString(),
  cut: ({ attempt, outcome }) => (attempt.cut === true || outcome?.cut === true ? 'yes' : ''),
};

function textOf(params: unknown): string | undefined {
  return params === undefined ? undefined : JSON.stringify(params);
}

/** The first line. */
export const callCsvHead = csvLine(Object.keys(columns));

/** One line a call. */
export function callCsv(call: Call): string {
  return csvLine(Object.values(columns).map((read) => read(call)));
}
