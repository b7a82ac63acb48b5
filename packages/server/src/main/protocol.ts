import { isLegacyRequest } from '@modelcontextprotocol/server';
import { tableRecords, type Gate } from '@sealgate/vault';
import type { Caller, Whose } from '../caller.ts';
import type { AppConfig } from '../config.ts';
import type { McpAddress } from '../domain/mcp-address.ts';
import type { HttpUpstream, Upstream } from '../domain/upstream.ts';
import { refuse } from '../errors.ts';
import { openAggregate } from '../gateway/aggregate/aggregate.ts';
import { openCatalog } from '../gateway/aggregate/catalog.ts';
import { noOwnTools } from '../gateway/aggregate/own-tools.ts';
import { openRewrite, type Rewrite } from '../gateway/aggregate/rewrite.ts';
import { allow } from '../gateway/allow.ts';
import { modernLimits } from '../gateway/front/modern-limits.ts';
import { openModern } from '../gateway/front/modern.ts';
import { sessionLimits } from '../gateway/front/session-limits.ts';
import { openSessions } from '../gateway/front/sessions.ts';
import type { OpenTarget } from '../gateway/front/target.ts';
import { linkLimits } from '../gateway/link/limits.ts';
import { openLinks } from '../gateway/link/links.ts';
import { openSingle } from '../gateway/link/single.ts';
import { openVerdicts, type Verdicts } from '../gateway/link/verdict.ts';
import { auditContext } from '../gateway/use.ts';
import type { Owners, Passage, Served } from '../gateway/owner/owners.ts';
import { openEras } from '../gateway/stdio/eras.ts';
import type { Log } from '../log.ts';
import { version } from '../version.ts';
import type { Ground } from './ground.ts';

// Front, target and link (decision 8), put together: what answers a call that does not pass through byte for byte.

/** Longest wait for one upstream when all of them are listed. */
const listTimeoutMs = 5000;

/** What is served and held beside the pass-through. */
export interface Protocol {
  /** Answer a request that was let in. @throws Refusal before anything is written */
  answer(passage: Passage, request: Request): Promise<Served>;
  /**
   * Whether a call passes as it is: its upstream speaks the client's era. Without waiting, once that is known.
   *
   * @throws Refusal those of `Verdicts.find`
   */
  passes(asked: PassAsked): boolean | Promise<boolean>;
  /** A passed answer contradicts what is known of an upstream's eras. */
  doubt(tenant: string, upstream: HttpUpstream): void;
  /** The short way through the address for all. */
  readonly rewrite: Rewrite;
  /** One upstream of a group. */
  readonly single: (upstream: Upstream) => OpenTarget;
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
  close(): Promise<void>;
}

/** A call to an HTTP upstream. */
export interface PassAsked {
  readonly caller: Caller;
  readonly upstream: HttpUpstream;
  readonly era: 'legacy' | 'modern';
  /** UUIDv7 of the request. */
  readonly correlation: string;
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

/** Put it together; nothing is contacted yet. */
export function openProtocol({ ground, gate, owners, config, log, now }: ProtocolParts): Protocol {
  const { tables, sealer, audit, upstreams } = ground;
  const callSeconds = config.limits.requestTimeoutSeconds;
  const limits = { ...linkLimits, callSeconds, commands: config.limits.stdioCommands };
  const verdicts = openVerdicts(tables, now);
  const links = openLinks({
    audit,
    gate,
    eras: openEras(tables, now),
    verdicts,
    limits,
    log,
    now,
    version,
  });
  const single = openSingle({ links, upstreams, audit, now, callTimeoutMs: callSeconds * 1000 });
  const { aggregate, rewrite } = openWhole({ ground, gate, single, verdicts, log, now });
  const openTarget = (caller: Caller, { upstream }: McpAddress): OpenTarget =>
    upstream === undefined ? aggregate : single(upstreamOf(ground, caller, upstream));
  const fronts = { openTarget, sealer, audit, owners, log, now };
  const sessions = openSessions({
    ...fronts,
    records: tableRecords(tables, { now }),
    limits: { ...sessionLimits, askSeconds: callSeconds },
    minVersion: config.limits.protocolMin,
    sessionId: () => crypto.randomUUID(),
  });
  const modern = openModern({ ...fronts, limits: modernLimits });
  upstreams.onChange((tenant, name) => {
    void links.retire(tenant, name);
    void modern.retire(tenant, name);
  });
  return {
    passes({ caller, upstream, era, correlation }) {
      const known = verdicts.known(caller.tenant, upstream);
      if (known?.[era] !== undefined) return known[era];
      const context = auditContext(caller, correlation);
      const asked = { context, subject: caller.subject, upstream, gate, limits, version };
      return verdicts.find(asked, era).then((found) => found[era] === true);
    },
    doubt(tenant, upstream) {
      verdicts
        .doubt(tenant, upstream)
        .catch((error: unknown) => log.warn({ err: error }, 'a verdict could not be dropped'));
    },
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
    async close() {
      // Fronts let go of what they hold before it ends.
      await Promise.all([sessions.close(), modern.close()]);
      await links.close();
    },
  };
}

interface WholeParts extends Pick<ProtocolParts, 'ground' | 'gate' | 'log' | 'now'> {
  readonly single: (upstream: Upstream) => OpenTarget;
  readonly verdicts: Verdicts;
}

function openWhole({ ground, gate, single, verdicts, log, now }: WholeParts): {
  readonly aggregate: OpenTarget;
  readonly rewrite: Rewrite;
} {
  const { upstreams, connections, sealer } = ground;
  const catalog = openCatalog({
    async authorization({ tenant, subject }, { name }) {
      const found = await connections.find(tenant, subject, name, 'default');
      return found === undefined ? undefined : `${found.row.connectionId}@${found.row.epoch}`;
    },
    now,
  });
  gate.onChange(({ tenant, upstream }) => catalog.drop(tenant, upstream));
  const aggregate = openAggregate({
    single,
    upstreams: {
      list: (tenant) => upstreams.list(tenant).map(({ upstream }) => upstream),
      onChange: (listener) => upstreams.onChange(listener),
    },
    allow,
    catalog,
    own: noOwnTools,
    sealer,
    now,
    log,
    version,
    listTimeoutMs,
  });
  const isModern = (tenant: string, upstream: HttpUpstream): boolean =>
    verdicts.known(tenant, upstream)?.modern === true;
  return { aggregate, rewrite: openRewrite({ catalog, upstreams, allow, isModern }) };
}

function upstreamOf({ upstreams }: Ground, { tenant }: Caller, name: string): Upstream {
  const found = upstreams.find(tenant, name);
  if (found === undefined)
    throw refuse('upstream_unknown', `there is no upstream ${JSON.stringify(name.slice(0, 64))}`);
  return found;
}
