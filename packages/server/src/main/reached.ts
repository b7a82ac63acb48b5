import type { Gate } from '@sealgate/vault';
import type { Caller } from '../caller.ts';
import type { AppConfig } from '../config.ts';
import type { HttpUpstream, Upstream } from '../domain/upstream.ts';
import type { OpenTarget } from '../gateway/front/target.ts';
import { openEras } from '../gateway/link/eras.ts';
import { linkLimits } from '../gateway/link/limits.ts';
import { openLinks, type Links } from '../gateway/link/links.ts';
import { openSingle } from '../gateway/link/single.ts';
import { openVerdicts } from '../gateway/link/verdict.ts';
import { auditContext } from '../gateway/use.ts';
import type { Log } from '../log.ts';
import { version } from '../version.ts';
import type { Ground } from './ground.ts';

/** A call to an HTTP upstream. */
export interface PassAsked {
  readonly caller: Caller;
  readonly upstream: HttpUpstream;
  readonly era: 'legacy' | 'modern';
  /** UUIDv7 of the request. */
  readonly correlation: string;
}

/** The upstreams' half: what speaks to them, and what is known of them. */
export interface Reached {
  readonly links: Links;
  /** One upstream of a group. */
  readonly single: (upstream: Upstream) => OpenTarget;
  /** Whether an upstream is known to speak 2026-07-28. */
  isModern(tenant: string, upstream: HttpUpstream): boolean;
  /**
   * Whether a call passes as it is: its upstream speaks the client's era. Without waiting, once that is known.
   *
   * @throws Refusal those of `Verdicts.find`
   */
  passes(asked: PassAsked): boolean | Promise<boolean>;
  /** A passed answer contradicts what is known of an upstream's eras. */
  doubt(tenant: string, upstream: HttpUpstream): void;
}

/** Open it; nothing is contacted yet. */
export function openReached(
  { tables, audit, upstreams }: Pick<Ground, 'tables' | 'audit' | 'upstreams'>,
  { gate, config, log, now }: { gate: Gate; config: AppConfig; log: Log; now: () => number },
): Reached {
  const { requestTimeoutSeconds: callSeconds, stdioCommands: commands } = config.limits;
  const limits = { ...linkLimits, callSeconds, commands };
  const verdicts = openVerdicts(tables, now);
  const eras = openEras(tables, now);
  const links = openLinks({ audit, gate, eras, verdicts, limits, log, now, version });
  return {
    links,
    single: openSingle({ links, upstreams, audit, now, callTimeoutMs: callSeconds * 1000 }),
    isModern: (tenant, upstream) => verdicts.known(tenant, upstream)?.modern === true,
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
  };
}
