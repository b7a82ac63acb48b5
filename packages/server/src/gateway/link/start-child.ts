import type { Audit, AuditContext } from '@sealgate/vault';
import type { StdioUpstream } from '../../domain/upstream.ts';
import type { Log } from '../../log.ts';
import { otherEra, SilentInEra, type Era } from './child-era.ts';
import { openChildLink } from './child-link.ts';
import type { Eras } from './eras.ts';
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

/** One start: in whose name, with what lent, and in which era. */
export interface Start {
  readonly context: AuditContext;
  readonly environment: Readonly<Record<string, string>>;
  readonly era: Era;
  /** Whether the command has just not answered in the other era. */
  readonly isOnlyEra: boolean;
  readonly events: LinkEvents;
}

/**
 * Start a slot's child, with an entry of its own, and remember that it speaks the era.
 *
 * @throws Refusal `upstream_unavailable`, `audit_unavailable`; SilentInEra when it may speak the other era
 */
export async function startChild(
  slot: Slot,
  upstream: StdioUpstream,
  parts: StartParts,
  start: Start,
): Promise<Link> {
  const { audit, now, log } = parts;
  const { name } = upstream;
  const { context } = start;
  const receipt = await audit.record('strict', context, {
    act: 'child.start',
    object: `upstream:${name}`,
    service: name,
  });
  const startedAtMs = now();
  try {
    const link = await remembered(slot, upstream, parts, start);
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
  { environment, events, era, isOnlyEra }: Start,
): Promise<Link> {
  const known = await eras.recall(slot.tenant, upstream);
  const child = {
    upstream,
    environment,
    era,
    known,
    capabilities: slot.holder === undefined ? {} : slot.capabilities,
    version,
    startTimeoutMs: limits.startSeconds * 1000,
    log,
    scrub: slot.connection === undefined ? keep : scrubFor(environment),
    events,
  };
  try {
    const { link, found } = await openChildLink(child);
    if (!known?.[era] || isOnlyEra)
      await eras.remember(slot.tenant, upstream, isOnlyEra ? { [otherEra(era)]: false, ...found } : found);
    return link;
  } catch (error) {
    // The command may be broken, or it may have learnt another era since: the next start asks again.
    if (known !== undefined && !(error instanceof SilentInEra)) await eras.forget(slot.tenant, upstream);
    throw error;
  }
}
