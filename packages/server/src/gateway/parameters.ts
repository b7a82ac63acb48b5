import type { Act } from '@sealgate/vault';
import type { Values } from './front/target.ts';

// What the log is told of a request's parameters, before they are redacted: what the caller asks for, and nothing of the
// protocol around it. Answers to questions of an upstream are not told: people type passwords into those.

const told: Readonly<Partial<Record<Act, (params: Values) => unknown>>> = {
  'tool.call': (params) => params['arguments'],
  'prompt.get': (params) => params['arguments'],
  'resource.read': uriOf,
  'resource.subscribe': uriOf,
  'resource.unsubscribe': uriOf,
  'mcp.complete': ({ argument, ref }) => ({ argument, ref }),
};

function uriOf({ uri }: Values): unknown {
  return uri === undefined ? undefined : { uri };
}

/** @returns `undefined` when there is nothing to be told */
export function toldParameters(act: Act, params: Values | undefined): unknown {
  return params && told[act]?.(params);
}
