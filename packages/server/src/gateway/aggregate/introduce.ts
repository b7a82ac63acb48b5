import type { AuditContext } from '@sealgate/vault';
import type { Upstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import { partialKey, type Absence } from './absences.ts';
import { introductionOf } from './asking.ts';
import type { Whole } from './parts.ts';

// All upstreams introduced as one server. Upstreams come and go, so changed lists are always told, and lists that an
// absent upstream may bring are declared.

/** Bytes of all instructions together. */
const instructionsMax = 8192;
// Extensions that work through names and addresses that are routed here. Others have methods that could go anywhere.
const extensionsCarried = ['io.modelcontextprotocol/ui', 'io.modelcontextprotocol/tasks'];
const naming = 'Tools and prompts of each server below are named <server>__<name>.';

interface Heard {
  readonly upstream: Upstream;
  readonly introduction: Values;
}

/** An initialize result without the protocol version. In a session every upstream is opened for it. */
export async function introduceAll(whole: Whole, context: AuditContext): Promise<Values> {
  const { members, conversation, absences, parts } = whole;
  const absent: Absence[] = [];
  const heard: Heard[] = [];
  const asking = { context, signal: new AbortController().signal };
  const use = conversation.era === 'legacy' ? Infinity : 'show';
  const asked = members
    .list()
    .map((upstream) => ({ upstream, said: introductionOf(whole, upstream, asking, use) }));
  await Promise.allSettled(asked.map(({ said }) => said));
  for (const { upstream, said } of asked)
    await said.then(
      (introduction) => heard.push({ upstream, introduction }),
      (error: unknown) => absent.push(absences.note(upstream.name, error)),
    );
  const instructions = instructionsOf(heard, absent);
  return {
    capabilities: capabilitiesOf(heard, {
      legacy: conversation.era === 'legacy',
      partial: absent.length > 0,
    }),
    serverInfo: { name: 'sealgate', version: parts.version },
    ...(instructions === undefined ? {} : { instructions }),
    ...(absent.length === 0 ? {} : { _meta: { [partialKey]: absent } }),
  };
}

function capabilitiesOf(heard: readonly Heard[], is: { legacy: boolean; partial: boolean }): Values {
  const all = heard.map(({ introduction }) => (introduction['capabilities'] ?? {}) as Values);
  const any = (name: string): boolean => all.some((one) => one[name] !== undefined);
  const subscribe = all.some((one) => (one['resources'] as Values | undefined)?.['subscribe'] === true);
  const extensions = extensionsOf(all);
  const tasks = all.find((one) => one['tasks'] !== undefined)?.['tasks'];
  return {
    tools: { listChanged: true },
    ...(is.partial || any('prompts') ? { prompts: { listChanged: true } } : {}),
    ...(is.partial || any('resources')
      ? { resources: { listChanged: true, ...(subscribe ? { subscribe } : {}) } }
      : {}),
    ...(any('completions') ? { completions: {} } : {}),
    // In a session an absent upstream is told of by a log message.
    ...(is.legacy || any('logging') ? { logging: {} } : {}),
    ...(tasks === undefined ? {} : { tasks }),
    ...(Object.keys(extensions).length === 0 ? {} : { extensions }),
  };
}

function extensionsOf(all: readonly Values[]): Values {
  const found: Record<string, unknown> = {};
  for (const { extensions } of all as readonly { readonly extensions?: Values }[])
    for (const name of extensionsCarried)
      if (extensions?.[name] !== undefined) found[name] ??= extensions[name];
  return found;
}

function instructionsOf(heard: readonly Heard[], absent: readonly Absence[]): string | undefined {
  const texts = heard.flatMap(({ upstream, introduction: { instructions } }) =>
    typeof instructions === 'string' && instructions !== '' ? [{ name: upstream.name, instructions }] : [],
  );
  const missing = absent.map(
    ({ upstream, code, message }) => `${upstream} is not available now (${code}): ${message}`,
  );
  if (texts.length === 0 && missing.length === 0) return undefined;
  const head = [naming, ...missing].join('\n').slice(0, instructionsMax / 4);
  const share = Math.floor((instructionsMax - Buffer.byteLength(head)) / Math.max(1, texts.length));
  const told = texts.map(({ name, instructions }) => cut(`\n\n# ${name}\n${instructions}`, share));
  return cut(head + told.join(''), instructionsMax);
}

function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= bytesMax) return text;
  // A character that was cut through becomes U+FFFD at the end, which is taken off.
  return `${bytes
    .subarray(0, bytesMax - 3)
    .toString('utf8')
    .replace(/\uFFFD$/, '')}…`;
}
