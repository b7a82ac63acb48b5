import { Client, ProtocolError } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { modernRevisions } from '../../domain/eras.ts';
import type { Values } from '../front/target.ts';
import { markName } from '../stdio/family.ts';
import type { ChildParts } from './child-parts.ts';
import { isDeclared } from './capabilities.ts';
import { withoutSubscription } from './child-notices.ts';
import type { LinkEvents } from './link.ts';
import type { Patience } from './patience.ts';

/** What waits for progress, by its token. */
export type Progress = Map<number, (progress: Values) => void>;

/** The process, not started yet. @param mark by which it and what it starts are found again */
export function childTransport({ upstream, environment }: ChildParts, mark: string): StdioClientTransport {
  return new StdioClientTransport({
    command: upstream.command,
    args: [...upstream.args],
    env: { ...upstream.env, ...environment, [markName]: mark },
    stderr: 'pipe',
    ...(upstream.cwd === undefined ? {} : { cwd: upstream.cwd }),
  });
}

/** The client that speaks with it, in one era; what was not declared cannot be asked of it. */
export function childClient({ version, capabilities, events }: ChildParts, patience: Patience): Client {
  const client = new Client(
    { name: 'sealgate', version },
    {
      capabilities,
      versionNegotiation: { mode: { pin: modernRevisions.at(-1)! } },
      inputRequired: { autoFulfill: false },
    },
  );
  client.fallbackRequestHandler = async ({ method, params }, { mcpReq }) => {
    if (!isDeclared(method, capabilities)) throw new ProtocolError(-32601, 'Method not found');
    const asked = { method, params, signal: mcpReq.signal };
    return patience.during(events.onAsk(asked)) as Promise<Record<string, unknown>>;
  };
  return client;
}

/**
 * Take one notification of a child. Progress is given to its request here and not by the client, which drops a progress
 * that is read in one piece with the result.
 */
export function hear(
  message: { method: string; params?: Record<string, unknown> | undefined },
  progress: Progress,
  events: LinkEvents,
): void {
  if (message.method === 'notifications/progress') {
    const { progressToken, ...rest } = message.params ?? {};
    progress.get(Number(progressToken))?.(rest);
  } else if (!internal.has(message.method)) events.onNotice(withoutSubscription(message));
}

const internal = new Set(['notifications/cancelled', 'notifications/subscriptions/acknowledged']);
