import type { Values } from '../front/target.ts';
import { openCalls } from './http-calls.ts';
import { keepListening, listsOf, watch } from './http-listen.ts';
import { request, send, type ModernState } from './http-modern-calls.ts';
import type { HttpLinkParts } from './http-parts.ts';
import type { Link } from './link.ts';
import { openParamHeaders } from './param-headers.ts';

// The link to an HTTP upstream of 2026-07-28: every request stands alone. What lives is only what it announces, over
// subscriptions.

/**
 * Ask what the upstream is, and follow the lists that it declares as changing.
 *
 * @throws ProtocolError the upstream's own; Refusal `upstream_unavailable`, `upstream_unauthorized`, `upstream_timeout`
 */
export async function openModernLink(parts: HttpLinkParts): Promise<Link> {
  const state: ModernState = {
    parts,
    // A client of this era answers by asking again, and gives up by closing the stream.
    calls: openCalls({ ...parts, idsFrom: 0, post: async () => undefined, onGivenUp: async () => undefined }),
    paramHeaders: openParamHeaders(),
    life: new AbortController(),
  };
  const timeoutMs = parts.limits.startSeconds * 1000;
  const { context } = parts;
  const sending = { context, timeoutMs, signal: AbortSignal.timeout(timeoutMs), onProgress: undefined };
  const discovered = (await send(state, 'server/discover', undefined, sending)) as Values;
  const introduction = introductionOf(discovered);
  const lists = listsOf(introduction['capabilities'] as Values | undefined);
  if (Object.keys(lists).length > 0)
    void keepListening(state, lists, { context, signal: state.life.signal, begun: undefined });
  return {
    era: 'modern',
    introduction,
    audited: true,
    pid: undefined,
    request: (method, params, sent) => request(state, method, params, sent),
    notify: async () => undefined,
    watch: (uri, about) => watch(state, uri, about),
    resumption: () => ({}),
    // A subscription cannot be gone on with elsewhere: it is heard here to the end.
    rest: () => undefined,
    leave: async () => end(state),
    close: async () => end(state),
  };
}

function end({ life, calls }: ModernState): void {
  life.abort();
  calls.close();
}

function introductionOf(discovered: Values): Values {
  const { capabilities, serverInfo, instructions, _meta } = discovered;
  const stamped = (_meta as Values | undefined)?.['io.modelcontextprotocol/serverInfo'];
  return {
    capabilities: capabilities ?? {},
    serverInfo: serverInfo ?? stamped ?? { name: 'unnamed', version: '0' },
    ...(typeof instructions === 'string' ? { instructions } : {}),
  };
}
