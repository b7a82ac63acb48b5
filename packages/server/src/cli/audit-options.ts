import { InvalidArgumentError, Option, type Command } from 'commander';
import type { CommonOptions } from './context.ts';

// What every question to the log can be narrowed by. Names are exact.

/** Of an attempt. */
export interface NamedOptions extends CommonOptions {
  readonly tenant?: string;
  readonly act?: string;
  readonly actor?: string;
  readonly service?: string;
  readonly object?: string;
  readonly connection?: string;
  readonly tool?: string;
  readonly source?: string;
  readonly correlation?: string;
  readonly ip?: string;
  readonly agent?: string;
  readonly flag?: string;
  readonly param?: readonly { readonly name: string; readonly value: string }[];
  readonly since?: number;
}

/** Of an attempt and its outcome. */
export interface FilterOptions extends NamedOptions {
  readonly outcome?: string;
  readonly status?: string;
  readonly slower?: number;
  readonly until?: number;
}

const sources = ['mcp', 'webui', 'api', 'cli', 'stdio', 'discord', 'job', 'system'];
const outcomes = ['success', 'failure', 'denied', 'error', 'aborted', 'unknown', 'none'];

/** Add what is said of attempts. */
export function namedOptions(command: Command): Command {
  return command
    .option('--tenant <group>', 'of this group or client; * for all (your own group when not given)')
    .option('--act <verb>', 'of this act, such as tool.call')
    .option('--actor <id>', 'of this person or client')
    .option('--service <name>', 'of this upstream or provider')
    .option('--object <object>', 'on this object, such as upstream:docs')
    .option('--connection <id>', 'with this credential of the group')
    .option('--tool <name>', 'of this tool or prompt')
    .addOption(new Option('--source <source>', 'that came in this way').choices(sources))
    .option('--request, --correlation <id>', 'of this request')
    .option('--ip <address>', 'from this address')
    .option('--agent <text>', 'of a client that calls itself so')
    .addOption(
      new Option('--flag <flag>', 'that stands out so: hours, outside business hours').choices(['hours']),
    )
    .option('--param <field=value>', 'with this parameter, in one group; again for more', paramOf)
    .option('--since <time>', 'not older than this, such as 2026-11-21 or 2026-11-21T10:00:00Z', timeOf);
}

/** Add what is said of attempts and outcomes. */
export function filterOptions(command: Command): Command {
  return namedOptions(command)
    .addOption(new Option('--outcome <outcome>', 'that came to this').choices(outcomes))
    .option('--status <code>', 'that ended with this code, such as 404 or open_failed')
    .option('--slower <ms>', 'that took this many milliseconds or more', wholeOf)
    .option('--until <time>', 'not younger than this', timeOf);
}

/** The question, as the gateway is asked it. */
export function askedBy(options: FilterOptions): Readonly<Record<string, unknown>> {
  const { outcome, status, slower, since, until, param } = options;
  const ended = { out: outcome, code: status, msMin: slower, sinceMs: since, untilMs: until };
  const asked = { ...calledAlike(options), params: param, ...ended };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
}

/** The same question as the query of an auditor (`/audit/…`). */
export function queryBy(options: FilterOptions): readonly (readonly [string, string])[] {
  const { outcome, status, slower, since, until, param = [] } = options;
  const asked = { ...calledAlike(options), outcome, status, slower, since, until };
  return [
    ...Object.entries(asked).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as const],
    ),
    ...param.map(({ name, value }) => ['param', `${name}=${value}`] as const),
  ];
}

function calledAlike(options: NamedOptions) {
  const { tenant, act, actor, service, object, connection, tool, source, correlation, ip, agent, flag } =
    options;
  const named = { tenant, act, actor, service, object, connection, tool, source };
  return { ...named, request: correlation, ip, agent, flag };
}

function paramOf(text: string, before: NamedOptions['param'] = []): NonNullable<NamedOptions['param']> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is field=value.');
  return [...before, { name: text.slice(0, at), value: text.slice(at + 1) }];
}

/** A time of the command line, in milliseconds since 1970. */
export function timeOf(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It is a time such as 2026-11-21T10:00:00Z.');
  return ms;
}

/** A whole number from 0. */
export function wholeOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a whole number.');
}

/** From 1 to a million. */
export function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1_000_000)
    throw new InvalidArgumentError('It is a number from 1 to 1000000.');
  return count;
}
