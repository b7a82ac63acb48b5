import type { Values } from './target.ts';

// What a client of 2026-07-28 can be asked, by what it declared in the request at hand. A bare `elicitation: {}` means
// forms (MCP 2026-07-28, client capabilities).

const kinds = ['sampling', 'elicitation', 'roots'] as const;

/** Whether the client declared anything that an upstream could ask it for. */
export function canBeAsked(declared: Values): boolean {
  return kinds.some((kind) => isObject(declared[kind]));
}

/**
 * The capabilities that asking this takes and the client did not declare, in the shape of `data.requiredCapabilities` of
 * -32021; `undefined`: it may be asked. `'unknown'`: nobody asks such a thing of a client.
 */
export function missingFor(
  method: string,
  params: Values | undefined,
  declared: Values,
): Values | 'unknown' | undefined {
  const required = requiredFor(method, params);
  if (required === undefined) return 'unknown';
  const [kind, member] = required;
  const has = declared[kind];
  if (!isObject(has)) return { [kind]: member === undefined ? {} : { [member]: {} } };
  if (member === undefined || has[member] !== undefined) return undefined;
  if (member === 'form' && has['url'] === undefined) return undefined;
  return { [kind]: { [member]: {} } };
}

/** The params as 2026-07-28 has them: without what belonged to the session they were asked in. */
export function inputParams(params: Values | undefined): Values | undefined {
  if (params === undefined) return undefined;
  const { _meta: _, task: __, elicitationId: ___, ...rest } = params;
  return rest;
}

function requiredFor(
  method: string,
  params: Values | undefined,
): readonly [(typeof kinds)[number], string?] | undefined {
  if (method === 'elicitation/create') return ['elicitation', params?.['mode'] === 'url' ? 'url' : 'form'];
  if (method === 'roots/list') return ['roots'];
  if (method !== 'sampling/createMessage') return undefined;
  const withTools = params?.['tools'] !== undefined || params?.['toolChoice'] !== undefined;
  return withTools ? ['sampling', 'tools'] : ['sampling'];
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
