import type { Call, Entry } from '@sealgate/vault';
import { columns, printable } from './terminal.ts';

/** Calls as people read them, one line each. */
export function callsText(calls: readonly Call[]): string {
  return columns(
    ['TIME', 'ACT', 'OBJECT', 'TOOL', 'BY', 'VIA', 'OUTCOME', 'MS'],
    calls.map(({ attempt, outcome }) => [
      new Date(attempt.ts).toISOString(),
      attempt.act ?? '',
      attempt.obj ?? '',
      toolOf(attempt),
      attempt.actor?.id ?? '',
      attempt.src?.source ?? '',
      outcomeText(outcome),
      String(outcome?.ms ?? ''),
    ]),
    'No entry.',
  );
}

/** One call, a line for each thing that is known of it. */
export function callText({ attempt, outcome }: Call): string {
  const { actor, src, req } = attempt;
  const rows: readonly (readonly [string, string | number | undefined])[] = [
    ['attempt', attempt.id],
    ['time', new Date(attempt.ts).toISOString()],
    ['act', attempt.act],
    ['object', attempt.obj],
    ['service', attempt.svc],
    ['method', req?.method],
    ['tool', req?.tool],
    ['parameters', req?.params === undefined ? undefined : JSON.stringify(req.params)],
    ['bytes sent', req?.bytes],
    ['by', actor && `${actor.type} ${actor.id}`],
    ['group', attempt.tenant],
    ['via', src?.source],
    ['from', src?.ip],
    ['client', src?.agent],
    ['request', attempt.corr],
    ['class', attempt.cls],
    ['stands out', attempt.flags?.join(' ')],
    ['outcome', outcome === undefined ? 'none: cut off, or under way' : outcomeText(outcome)],
    ['at', outcome && new Date(outcome.ts).toISOString()],
    ['ms', outcome?.ms],
    ['bytes', outcome?.bytes],
    ['entry', outcome?.id],
  ];
  return rows
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name.padEnd(12)}${printable(String(value))}\n`)
    .join('');
}

/** One entry of a tail, as it comes. */
export function entryText(entry: Entry): string {
  const said =
    entry.cause === undefined
      ? [entry.act, entry.obj, toolOf(entry), entry.actor?.id, entry.src?.source]
      : ['  ->', outcomeText(entry), entry.ms === undefined ? '' : `${entry.ms} ms`, entry.cause];
  return `${printable([new Date(entry.ts).toISOString(), ...said].filter(Boolean).join('  '))}\n`;
}

function toolOf({ req }: Entry): string {
  return req?.tool ?? req?.method ?? '';
}

function outcomeText(outcome: Entry | undefined): string {
  return [outcome?.out, outcome?.code].filter(Boolean).join(' ');
}
