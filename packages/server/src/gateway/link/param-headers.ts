import type { Values } from '../front/target.ts';
import { headerValue } from './envelope.ts';

// A tool of 2026-07-28 may want arguments mirrored in headers: `x-mcp-header` at a property of its input schema, reached
// through `properties` alone (MCP 2026-07-28, Streamable HTTP, custom headers). What is wanted is learnt from its list. A
// tool that wants what cannot be is left out of the list, as that section asks of clients; the others stay.

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const toolsMax = 2000;
const depthMax = 16;

/** What the tools of one upstream want mirrored. */
export interface ParamHeaders {
  /** Learn from a result of `tools/list`. @returns it without the tools that want headers there cannot be */
  learn(result: unknown): unknown;
  /** The headers of one call; `{}` when none are wanted, or the tool is not known. */
  of(params: Values | undefined): Record<string, string>;
}

interface Wanted {
  readonly path: readonly string[];
  /** In lower case. */
  readonly header: string;
  /** Whether there can be such a header with such a value. */
  readonly fit: boolean;
}

/** Nothing is known yet. */
export function openParamHeaders(): ParamHeaders {
  const tools = new Map<string, readonly Wanted[]>();
  return {
    learn(result) {
      const listed = isObject(result) ? result['tools'] : undefined;
      if (!Array.isArray(listed)) return result;
      const kept = listed.filter((tool: unknown) => {
        const { name, inputSchema } = isObject(tool) ? tool : {};
        if (typeof name !== 'string') return true;
        const wanted = wantedIn(inputSchema, [], 0);
        tools.delete(name);
        if (!canBe(wanted)) return false;
        if (wanted.length > 0 && tools.size < toolsMax) tools.set(name, wanted);
        return true;
      });
      return kept.length === listed.length ? result : { ...(result as Values), tools: kept };
    },
    of(params) {
      const wanted = tools.get(String(params?.['name'])) ?? [];
      const values = wanted.flatMap(({ path, header }) => {
        const value = valueAt(params?.['arguments'], path);
        const text = textOf(value);
        return text === undefined ? [] : [[`mcp-param-${header}`, headerValue(text)] as const];
      });
      return Object.fromEntries(values);
    },
  };
}

function wantedIn(schema: unknown, path: readonly string[], depth: number): readonly Wanted[] {
  if (!isObject(schema) || depth > depthMax) return [];
  const header = schema['x-mcp-header'];
  const named = typeof header === 'string' && token.test(header);
  const fit = named && path.length > 0 && mirrorable.has(schema['type']);
  const own =
    header === undefined
      ? []
      : [{ path, header: typeof header === 'string' ? header.toLowerCase() : '', fit }];
  const properties = isObject(schema['properties']) ? Object.entries(schema['properties']) : [];
  return [...own, ...properties.flatMap(([name, below]) => wantedIn(below, [...path, name], depth + 1))];
}

// Numbers have more than one text; what has no type is let through.
const mirrorable = new Set<unknown>(['string', 'integer', 'boolean', undefined]);

function canBe(wanted: readonly Wanted[]): boolean {
  return wanted.every(({ fit }) => fit) && new Set(wanted.map(({ header }) => header)).size === wanted.length;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (node, name) => (isObject(node) && Object.hasOwn(node, name) ? node[name] : undefined),
    root,
  );
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return String(value);
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined;
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
