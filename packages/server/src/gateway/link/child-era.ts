import type { Client, DiscoverResult } from '@modelcontextprotocol/client';

/** What is remembered of a child's protocol era. A modern one is reached without a probe by its discover result. */
export type ChildEra =
  { readonly era: 'legacy' } | { readonly era: 'modern'; readonly discover: DiscoverResult };

/** What a connected client found out. */
export function childVerdict(client: Client): ChildEra {
  const discover = client.getDiscoverResult();
  return client.getProtocolEra() === 'modern' && discover !== undefined
    ? { era: 'modern', discover }
    : { era: 'legacy' };
}

/** The verdict as the SDK's `connect` takes it. */
export function priorOf(known: ChildEra) {
  return known.era === 'legacy'
    ? { kind: 'legacy' as const }
    : { kind: 'modern' as const, discover: known.discover };
}
