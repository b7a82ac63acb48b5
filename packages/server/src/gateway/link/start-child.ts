import type { Audit, AuditContext } from '@sealgate/vault';
import type { StdioUpstream } from '../../domain/upstream.ts';
import type { Log } from '../../log.ts';
import type { Eras } from '../stdio/eras.ts';
import { openChildLink } from './child-link.ts';
import type { LinkLimits } from './limits.ts';
import type { Link, LinkEvents } from './link.ts';
import { keep, scrubFor } from './scrub-message.ts';
import type { Slot } from './slot.ts';

/** What starting children needs. */
export interface StartParts {
  readonly audit: Audit;
  readonly eras: Eras;
  readonly limits: LinkLimits;
  readonly log: Log;
  readonly now: () => number;
  readonly version: string;
}

/** One start: in whose name, and with what lent. */
export interface Start {
  readonly context: AuditContext;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Start a slot's child, with an entry of its own, and remember the era it speaks.
 *
 * @throws Refusal `upstream_unavailable`, `audit_unavailable`
 */
export async function startChild(
  slot: Slot,
  upstream: StdioUpstream,
  parts: StartParts,
  { context, environment, events }: Start & { readonly events: LinkEvents },
): Promise<Link> {
  const { audit, now, log } = parts;
  const { name } = upstream;
  const receipt = await audit.record('strict', context, {
    act: 'child.start',
    object: `upstream:${name}`,
    service: name,
  });
  const startedAtMs = now();
  try {
    const link = await remembered(slot, upstream, parts, { environment, events });
    audit.outcome(receipt.entry, context, { out: 'success', ms: now() - startedAtMs });
    log.info({ upstream: name, pid: link.pid, era: link.era, ms: now() - startedAtMs }, 'child started');
    return link;
  } catch (error) {
    audit.outcome(receipt.entry, context, {
      out: 'failure',
      code: 'upstream_unavailable',
      ms: now() - startedAtMs,
    });
    throw error;
  }
}

async function remembered(
  slot: Slot,
  upstream: StdioUpstream,
  { eras, log, version, limits }: StartParts,
  { environment, events }: Pick<Start, 'environment'> & { readonly events: LinkEvents },
): Promise<Link> {
  const known = await eras.recall(slot.tenant, upstream);
  const child = {
    upstream,
    environment,
    known,
    capabilities: slot.holder === undefined ? {} : slot.capabilities,
    version,
    startTimeoutMs: limits.startSeconds * 1000,
    log,
    scrub: slot.connectionId === undefined ? keep : scrubFor(environment),
    events,
  };
  try {
    const { link, verdict } = await openChildLink(child);
    if (known === undefined) await eras.remember(slot.tenant, upstream, verdict);
    return link;
  } catch (error) {
    // The command may be broken, or it may have learnt another era since: the next start asks again.
    if (known !== undefined) await eras.forget(slot.tenant, upstream);
    throw error;
  }
}
