// The headers of 2026-07-28 (SEP-2243), which a client on stdio does not send: they are read out of the body. What a
// tool's schema wants mirrored is learned from the lists that pass by.

/** A JSON object. */
export type Values = Readonly<Record<string, unknown>>;

/** Where an argument lies, and the header that mirrors it. */
interface Mirrored {
  readonly header: string;
  readonly path: readonly string[];
}

/** Knows the headers of requests. */
export interface Mirror {
  /** Of a request or notification with an envelope. */
  headersOf(method: string, params: Values): Record<string, string>;
  /** Told of every result of `tools/list`; `first`: it is the first page. */
  learn(result: Values, first: boolean): void;
}

const namedBy: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
};
const versionKey = 'io.modelcontextprotocol/protocolVersion';
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const plain = /^(?! )[\t\x20-\x7e]+(?<! )$/;
const depthMax = 16;
const toolsMax = 10_000;

/** The version that a message's own envelope names; `undefined`: it has none, and belongs to a session. */
export function envelopeVersion(params: Values): string | undefined {
  const version = valuesOf(params['_meta'])[versionKey];
  return typeof version === 'string' ? version : undefined;
}

/** A JSON object as it is, anything else as an empty one. */
export function valuesOf(value: unknown): Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : {};
}

/** Open it, knowing no tool. */
export function openMirror(): Mirror {
  const tools = new Map<string, readonly Mirrored[]>();
  return {
    headersOf(method, params) {
      const headers: Record<string, string> = {
        'mcp-protocol-version': headerValue(envelopeVersion(params) ?? ''),
        'mcp-method': headerValue(method),
      };
      const name = params[namedBy[method] ?? ''];
      if (typeof name === 'string') headers['mcp-name'] = headerValue(name);
      if (method !== 'tools/call' || typeof name !== 'string') return headers;
      for (const { header, path } of tools.get(name) ?? []) {
        const value = textOf(path.reduce<unknown>((at, key) => valuesOf(at)[key], params['arguments']));
        if (value !== undefined) headers[`mcp-param-${header}`] = headerValue(value);
      }
      return headers;
    },
    learn(result, first) {
      if (first) tools.clear();
      const list = Array.isArray(result['tools']) ? (result['tools'] as unknown[]) : [];
      for (const tool of list.map(valuesOf)) {
        if (typeof tool['name'] !== 'string' || tools.size >= toolsMax) continue;
        tools.set(tool['name'], mirroredIn(valuesOf(tool['inputSchema']), [], []));
      }
    },
  };
}

/** Only what is reachable by `properties` alone may be mirrored; a declaration that breaks the rules is left out. */
function mirroredIn(schema: Values, path: readonly string[], found: Mirrored[]): readonly Mirrored[] {
  const header = schema['x-mcp-header'];
  if (path.length > 0 && typeof header === 'string' && token.test(header)) found.push({ header, path });
  if (path.length < depthMax)
    for (const [key, child] of Object.entries(valuesOf(schema['properties'])))
      mirroredIn(valuesOf(child), [...path, key], found);
  return found;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' || Number.isSafeInteger(value) ? String(value) : undefined;
}

function headerValue(text: string): string {
  const asIs = plain.test(text) && text === text.trim() && !/^=\?base64\?.*\?=$/.test(text);
  return asIs ? text : `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}
