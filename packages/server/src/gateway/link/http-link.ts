import { openLegacyLink } from './http-legacy.ts';
import { openModernLink } from './http-modern.ts';
import type { HttpLinkParts } from './http-parts.ts';
import type { Link } from './link.ts';

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
