import type { Client, DiscoverResult, McpSubscription } from '@modelcontextprotocol/client';
import type { Notice, Values } from '../front/target.ts';

// What a child of 2026-07-28 announces comes over subscriptions; to whoever listens it looks as it does in the other era.

const subscriptionKey = 'io.modelcontextprotocol/subscriptionId';

/** Follow the lists that a modern child declares as changing. */
export async function listenForLists(client: Client, { capabilities }: DiscoverResult): Promise<void> {
  const filter = {
    ...(capabilities.tools?.listChanged === true ? { toolsListChanged: true as const } : {}),
    ...(capabilities.prompts?.listChanged === true ? { promptsListChanged: true as const } : {}),
    ...(capabilities.resources?.listChanged === true ? { resourcesListChanged: true as const } : {}),
  };
  // A child that declares changes and refuses to tell them is served without them.
  if (Object.keys(filter).length > 0) await client.listen(filter).catch(() => undefined);
}

/** How to stop one subscription. */
export function stopWatching(subscription: McpSubscription): () => Promise<void> {
  return () => subscription.close();
}

/** A notification without the id of the subscription it came over, which is ours and not the client's. */
export function withoutSubscription({
  method,
  params,
}: {
  method: string;
  params?: Values | undefined;
}): Notice {
  if (params === undefined) return { method };
  const meta = params['_meta'];
  if (typeof meta !== 'object' || meta === null || !(subscriptionKey in meta)) return { method, params };
  const { [subscriptionKey]: _, ...others } = meta as Record<string, unknown>;
  const { _meta, ...rest } = params;
  return { method, params: Object.keys(others).length === 0 ? rest : { ...rest, _meta: others } };
}

/** An initialize result as an introduction: the version is the era's business. */
export function withoutVersion({ protocolVersion: _, ...rest }: Values): Values {
  return rest;
}
