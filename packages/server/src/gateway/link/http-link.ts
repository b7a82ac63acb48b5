import type { AuditContext } from '@sealgate/vault';
import type { HttpUpstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import { openLegacyLink } from './http-legacy.ts';
import { openModernLink } from './http-modern.ts';
import type { WireParts } from './http-wire.ts';
import type { LinkLimits } from './limits.ts';
import type { Link, LinkEvents } from './link.ts';
import type { Verdicts } from './verdict.ts';

/** What is needed to open a link to an HTTP upstream. */
export interface HttpLinkParts extends WireParts {
  /** Who opens it; what it sends of its own accord is sent in their name. */
  readonly context: AuditContext;
  readonly subject: string;
  readonly upstream: HttpUpstream;
  /** Client capabilities to declare. */
  readonly capabilities: Values;
  /** The era to speak when the upstream knows both. */
  readonly prefer: 'legacy' | 'modern';
  /** A session to go on with. `undefined`: a new one. */
  readonly resume: Values | undefined;
  readonly limits: LinkLimits;
  readonly version: string;
  readonly events: LinkEvents;
  readonly verdicts: Verdicts;
}

/**
 * Open a link to an HTTP upstream, in the preferred era when it speaks that one.
 *
 * @throws Refusal `upstream_unavailable`, `upstream_unauthorized`, `upstream_timeout`, and those of `Gate.use`
 */
export async function openHttpLink(parts: HttpLinkParts): Promise<Link> {
  const { prefer, verdicts } = parts;
  if (prefer === 'legacy' && typeof parts.resume?.['sessionId'] === 'string') return openLegacyLink(parts);
  const found = await verdicts.find(parts);
  if (!found[prefer]) return prefer === 'legacy' ? openModernLink(parts) : openLegacyLink(parts);
  try {
    return prefer === 'legacy' ? await openLegacyLink(parts) : await openModernLink(parts);
  } catch (error) {
    // It may speak another era than it did: whoever asks next finds out.
    await verdicts.doubt(parts.context.tenant, parts.upstream);
    throw error;
  }
}
