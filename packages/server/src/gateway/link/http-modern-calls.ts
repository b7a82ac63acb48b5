import { ProtocolError } from '@modelcontextprotocol/client';
import { refuse } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import { enveloped, mirrored } from './envelope.ts';
import type { Calls, Waiting } from './http-calls.ts';
import type { HttpLinkParts } from './http-parts.ts';
import { exchange } from './http-wire.ts';
import type { Sending } from './link.ts';
import type { ParamHeaders } from './param-headers.ts';

// Requests to an HTTP upstream of 2026-07-28, each with its envelope and the headers that mirror it.

const headerMismatch = -32020;

/** What a link of this era lives on. */
export interface ModernState {
  readonly parts: HttpLinkParts;
  readonly calls: Calls;
  readonly paramHeaders: ParamHeaders;
  /** Aborts when the link ends. */
  readonly life: AbortController;
}

/**
 * Send one request. A tool that wants arguments in headers gets them, although its list was never read over this link.
 *
 * @throws those of `Calls.run` and `exchange`
 */
export async function request(
  state: ModernState,
  method: string,
  params: Values | undefined,
  sending: Sending,
): Promise<unknown> {
  const { paramHeaders } = state;
  try {
    const result = await send(state, method, params, sending);
    return method === 'tools/list' ? paramHeaders.learn(result) : result;
  } catch (error) {
    if (method !== 'tools/call' || !(error instanceof ProtocolError) || error.code !== headerMismatch)
      throw error;
    await learnAll(state, sending);
    return send(state, method, params, sending);
  }
}

async function learnAll(state: ModernState, sending: Sending): Promise<void> {
  let cursor: unknown;
  for (let pages = 0; pages < 20; pages += 1) {
    const params = typeof cursor === 'string' ? { cursor } : undefined;
    const quiet = { ...sending, onProgress: undefined };
    const result = (await send(state, 'tools/list', params, quiet)) as Values | undefined;
    state.paramHeaders.learn(result);
    cursor = result?.['nextCursor'];
    if (typeof cursor !== 'string') return;
  }
}

/** Send one request as it is. @throws those of `Calls.run` and `exchange` */
export function send(
  state: ModernState,
  method: string,
  params: Values | undefined,
  sending: Sending,
): Promise<unknown> {
  return state.calls.run(sending, (waiting) => deliver(state, { method, params, waiting, sending }));
}

/** One request on its way. */
export interface Delivery {
  readonly method: string;
  readonly params: Values | undefined;
  readonly waiting: Waiting;
  readonly sending: Sending;
  /** Sees each message of the answer first. */
  readonly onMessage?: (message: Values) => void;
}

/** Send a request and see to it that its answer is read. @throws those of `exchange` */
export async function deliver(
  { parts, calls, paramHeaders }: ModernState,
  delivery: Delivery,
): Promise<void> {
  const { method, params, waiting, sending, onMessage } = delivery;
  const { context } = sending;
  const meta = { ...(params?.['_meta'] as Values | undefined), progressToken: waiting.id };
  const marked = sending.onProgress === undefined ? params : { ...params, _meta: meta };
  const message = {
    jsonrpc: '2.0',
    id: waiting.id,
    method,
    params: enveloped(marked, parts.capabilities, parts.version),
  };
  const headers = {
    ...mirrored(method, params),
    ...(method === 'tools/call' ? paramHeaders.of(params) : {}),
  };
  let head = 200;
  let heard = false;
  await exchange(
    parts,
    { context, method: 'POST', message, headers, signal: waiting.signal, untimed: true },
    {
      onHead: (status) => (head = status),
      onMessage(came) {
        heard = true;
        onMessage?.(came);
        // A refusal before the request was read may name no id.
        calls.take(came['id'] === null ? { ...came, id: waiting.id } : came, { context, sending });
      },
      onEvent: () => undefined,
    },
  );
  if (head >= 400 && !heard)
    throw refuse(
      'upstream_unavailable',
      `the upstream ${JSON.stringify(parts.upstream.name)} answered with status ${head}`,
    );
}
