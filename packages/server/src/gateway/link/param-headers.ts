import type { Values } from '../front/target.ts';
import { headerValue } from './envelope.ts';

// A tool of 2026-07-28 may want arguments mirrored in headers: `x-mcp-header` at a property of its input schema, reached
// through `properties` alone (MCP 2026-07-28, Streamable HTTP, custom headers). What is wanted is learnt from its list.

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const toolsMax = 2000;
const depthMax = 16;

/** What the tools of one upstream want mirrored. */
export interface ParamHeaders {
  /** Learn from a result of `tools/list`. */
  learn(result: unknown): void;
  /** The headers of one call; `{}` when none are wanted, or the tool is not known. */
  of(params: Values | undefined): Record<string, string>;
}

interface Wanted {
  readonly path: readonly string[];
  readonly header: string;
}

/** Nothing is known yet. */
export function openParamHeaders(): ParamHeaders {
  const tools = new Map<string, readonly Wanted[]>();
  return {
    learn(result) {
      const listed = isObject(result) ? result['tools'] : undefined;
      if (!Array.isArray(listed)) return;
      for (const tool of listed) {
        const { name, inputSchema } = isObject(tool) ? tool : {};
        if (typeof name !== 'string') continue;
        const wanted = wantedIn(inputSchema, [], 0);
        tools.delete(name);
        if (wanted.length > 0 && tools.size < toolsMax) tools.set(name, wanted);
      }
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
  const own =
    typeof header === 'string' && token.test(header) && path.length > 0
      ? [{ path, header: header.toLowerCase() }]
      : [];
  const properties = isObject(schema['properties']) ? Object.entries(schema['properties']) : [];
  return [...own, ...properties.flatMap(([name, below]) => wantedIn(below, [...path, name], depth + 1))];
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
