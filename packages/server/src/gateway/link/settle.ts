import { ProtocolError } from '@modelcontextprotocol/client';
import type { Conversation, Values } from '../front/target.ts';

// A modern upstream answers `input_required` and wants the request again with what it asked for (MCP 2026-07-28, multi
// round-trip requests). A client of the older era knows nothing of that: it is asked over its session, here.
const roundsMax = 8;
const inputsMax = 16;

/** What asks, and how the request is sent again. */
export interface Settling {
  readonly ask: Conversation['ask'];
  readonly signal: AbortSignal;
  readonly again: (params: Values) => Promise<unknown>;
}

/**
 * The result for a client of the older era: everything the upstream wanted to know was asked.
 *
 * @throws ProtocolError with the client's own error, or -32603 after eight rounds
 */
export async function settle(
  first: unknown,
  params: Values | undefined,
  settling: Settling,
): Promise<unknown> {
  let result = first;
  for (let round = 0; isInputRequired(result); round += 1) {
    if (round === roundsMax) throw new ProtocolError(-32603, 'The server kept asking for more input');
    const { requestState } = result;
    const inputResponses = await answers(result, settling);
    result = await settling.again({
      ...params,
      inputResponses,
      ...(typeof requestState === 'string' ? { requestState } : {}),
    });
  }
  return withoutType(result);
}

/** Whether a result is a question back. */
function isInputRequired(result: unknown): result is Values {
  return typeOf(result) === 'input_required';
}

async function answers({ inputRequests }: Values, { ask, signal }: Settling): Promise<Values> {
  const asked = Object.entries(isObject(inputRequests) ? inputRequests : {});
  if (asked.length > inputsMax)
    throw new ProtocolError(-32603, 'The server asked for too much input at once');
  const answered = asked.map(async ([key, request]) => {
    const { method, params } = isObject(request) ? request : {};
    if (typeof method !== 'string') throw new ProtocolError(-32603, 'The server asked for nothing it named');
    return [key, await ask({ method, params: isObject(params) ? params : undefined, signal })] as const;
  });
  return Object.fromEntries(await Promise.all(answered));
}

// `resultType` is the newer era's word.
function withoutType(result: unknown): unknown {
  if (typeOf(result) !== 'complete' || !isObject(result)) return result;
  const { resultType: _, ...rest } = result;
  return rest;
}

function typeOf(result: unknown): unknown {
  return isObject(result) ? result['resultType'] : undefined;
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
