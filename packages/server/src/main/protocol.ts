import { isLegacyRequest } from '@modelcontextprotocol/server';
import type { Gate } from '@sealgate/vault';
import type { Caller, Whose } from '../caller.ts';
import type { AppConfig } from '../config.ts';
import type { McpAddress } from '../domain/mcp-address.ts';
import { refuse } from '../errors.ts';
import type { Rewrite } from '../gateway/aggregate/rewrite.ts';
import { modernLimits } from '../gateway/front/modern-limits.ts';
import { openModern } from '../gateway/front/modern.ts';
import { sessionLimits } from '../gateway/front/session-limits.ts';
import { openSessions } from '../gateway/front/sessions.ts';
import type { OpenTarget } from '../gateway/front/target.ts';
import type { Owners, Passage, Served } from '../gateway/owner/owners.ts';
import type { Log } from '../log.ts';
import type { Ground } from './ground.ts';
import { openReached, type Reached } from './reached.ts';
import { openWhole } from './whole.ts';

// Front, target and link (decision 8), put together: what answers a call that does not pass through byte for byte.

/** What is served and held beside the pass-through. */
export interface Protocol extends Pick<Reached, 'passes' | 'doubt' | 'single'> {
  /** Answer a request that was let in. @throws Refusal before anything is written */
  answer(passage: Passage, request: Request): Promise<Served>;
  /** The short way through the address for all. */
  readonly rewrite: Rewrite;
  counts(): {
    readonly children: number;
    readonly conversations: number;
    readonly sessions: number;
    readonly parked: number;
    readonly listening: number;
  };
  /** Somebody's access was ended, or one client's of theirs: so is everything that is held for it. */
  endOf(whose: Whose): Promise<void>;
  /** Whether this instance holds anything for them. */
  holds(whose: Whose): boolean;
  /** Another instance may go on with the sessions from now on; what comes here is served as before. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

/** What it is put together from. */
export interface ProtocolParts {
  readonly ground: Ground;
  readonly gate: Gate;
  readonly owners: Owners;
  readonly config: AppConfig;
  readonly log: Log;
  readonly now: () => number;
}

/** Put it together; no upstream is contacted yet. @throws Refusal `store_unavailable` */
export async function openProtocol(parts: ProtocolParts): Promise<Protocol> {
  const { ground, gate, owners, config, log, now } = parts;
  const reached = openReached(ground, { gate, config, log, now });
  const { links, single, passes, doubt } = reached;
  const { aggregate, rewrite, close: closeWhole } = await openWhole({ ground, gate, reached, log, now });
  const { sessions, modern } = openFronts(parts, (caller, { upstream }) =>
    upstream === undefined ? aggregate : single(upstreamOf(ground, caller, upstream)),
  );
  owners.onReturn(() => sessions.renew());
  ground.upstreams.onChange((tenant, name) => {
    void links.retire(tenant, name);
    void modern.retire(tenant, name);
  });
  return {
    passes,
    doubt,
    rewrite,
    single,
    answer: async (passage, request) =>
      (await isLegacyRequest(request, passage.body))
        ? sessions.answer(passage, request)
        : modern.answer(passage, request),
    counts() {
      const { children, sessions: conversations } = links.count();
      const { parked, listening } = modern.counts();
      return { children, conversations, sessions: sessions.count(), parked, listening };
    },
    async endOf(whose) {
      await Promise.all([sessions.endOf(whose), modern.endOf(whose)]);
    },
    holds: (whose) => sessions.holds(whose) || modern.holds(whose),
    leave: () => sessions.leave(),
    async close() {
      // Fronts let go of what they hold before it ends.
      await Promise.all([sessions.close(), modern.close()]);
      await links.close();
      await closeWhole();
    },
  };
}

function openFronts(
  { ground: { records, sealer, audit }, owners, config, log, now }: ProtocolParts,
  openTarget: (caller: Caller, address: McpAddress) => OpenTarget,
) {
  const { requestTimeoutSeconds: askSeconds, protocolMin: minVersion } = config.limits;
  const fronts = { openTarget, sealer, audit, owners, log, now };
  const sessions = openSessions({
    ...fronts,
    records,
    limits: { ...sessionLimits, askSeconds },
    minVersion,
    sessionId: () => crypto.randomUUID(),
  });
  return { sessions, modern: openModern({ ...fronts, limits: modernLimits }) };
}

function upstreamOf({ upstreams }: Ground, { tenant }: Caller, name: string) {
  const found = upstreams.find(tenant, name);
  if (found === undefined)
    throw refuse('upstream_unknown', `there is no upstream ${JSON.stringify(name.slice(0, 64))}`);
  return found;
}
