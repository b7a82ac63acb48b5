import { isIP } from 'node:net';
import { kindOf, type AddressKind } from './address-kinds.ts';

// Who named an address decides how far it reaches. A URL that came from outside reaches the public network and nothing
// else. What the operator wrote down reaches the operator's own network as well, since that is where upstreams live; it
// never reaches link-local and metadata addresses, because nobody runs an upstream there and every cloud keeps
// credentials there.

/** How far a request may go. */
export type Reach = 'public' | 'operator';

const reached: Readonly<Record<Reach, ReadonlySet<AddressKind>>> = {
  public: new Set<AddressKind>(['public']),
  operator: new Set<AddressKind>(['public', 'loopback', 'private', 'shared', 'benchmark']),
};

/** Whether a connection to this address may be opened. */
export function mayReach(address: string, reach: Reach): boolean {
  return reached[reach].has(kindOf(address));
}

/** Whether the host of an operator's URL may be tried at all; a name is judged when it is connected to. */
export function canBeUpstream(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '');
  return isIP(bare) === 0 || mayReach(bare, 'operator');
}

/** Names that mean something inside a network only (RFC 6761, RFC 6762, RFC 8375, and what routers hand out). */
const localEndings = [
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'lan',
  'home',
  'corp',
  'home.arpa',
  'in-addr.arpa',
  'ip6.arpa',
];

/**
 * Whether a host name can be one of the public network: it has a dot, does not end in one, and ends in no local name. A name
 * of one label is looked up under the machine's own search domains, and one with a dot at its end is another origin than
 * the same name without.
 *
 * @param name as the URL standard writes it: lower case, ASCII, no IP address
 */
export function isPublicName(name: string): boolean {
  if (!name.includes('.') || name.startsWith('.') || name.endsWith('.') || name.includes('..')) return false;
  return !localEndings.some((ending) => name.endsWith(`.${ending}`));
}
