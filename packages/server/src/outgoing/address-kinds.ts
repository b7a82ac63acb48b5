import { isIP, isIPv4 } from 'node:net';

// What an IP address is, by the IANA special-purpose registries (RFC 6890 and its successors, as of 2026). IPv6 is judged
// the other way round: only 2000::/3 is handed out for the public network, so whatever is not inside it is not public, and
// the table needs no row for ranges that do not exist yet. Forms that carry an IPv4 address inside are never taken at
// their word: most are refused, and NAT64 (RFC 6052), which whole networks depend on, is what its IPv4 address is.

/** `public`: reachable from anywhere. `metadata`: where clouds hand out credentials. `unreadable`: no address, or one with a zone. */
export type AddressKind =
  | 'public'
  | 'loopback'
  | 'private'
  | 'shared'
  | 'benchmark'
  | 'link-local'
  | 'metadata'
  | 'unspecified'
  | 'documentation'
  | 'multicast'
  | 'reserved'
  | 'transition'
  | 'unreadable';

type Row = readonly [range: string, kind: AddressKind];

/** The first row that holds the address decides. */
const ipv4Rows: readonly Row[] = [
  ['169.254.169.254/32', 'metadata'], // AWS, GCP, Azure, OpenStack, DigitalOcean
  ['169.254.170.0/24', 'metadata'], // AWS ECS and EKS
  ['168.63.129.16/32', 'metadata'], // Azure, in a public range
  ['100.100.100.200/32', 'metadata'], // Alibaba, in the shared range
  ['192.0.0.192/32', 'metadata'], // Oracle
  ['0.0.0.0/8', 'unspecified'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'shared'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.31.196.0/24', 'reserved'],
  ['192.52.193.0/24', 'reserved'],
  ['192.88.99.0/24', 'transition'],
  ['192.168.0.0/16', 'private'],
  ['192.175.48.0/24', 'reserved'],
  ['198.18.0.0/15', 'benchmark'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'], // with the broadcast address
  ['0.0.0.0/0', 'public'],
];

const ipv6Rows: readonly Row[] = [
  ['fd00:ec2::/32', 'metadata'], // AWS: ::254, ::23, and its DNS and time
  ['fd20:ce::254/128', 'metadata'], // GCP
  ['fd00:42::42/128', 'metadata'], // Scaleway
  ['fd00:c1::/32', 'metadata'], // Oracle
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['::/96', 'transition'], // IPv4-compatible (RFC 4291 §2.5.5.1)
  ['::ffff:0:0/96', 'transition'], // IPv4-mapped (RFC 4291 §2.5.5.2)
  ['::ffff:0:0:0/96', 'transition'], // IPv4-translated (RFC 2765)
  ['64:ff9b:1::/48', 'transition'], // NAT64 of a local network (RFC 8215)
  ['2001::/23', 'transition'], // Teredo, ORCHID, AMT and other protocol assignments
  ['2002::/16', 'transition'], // 6to4
  ['2001:db8::/32', 'documentation'],
  ['3fff::/20', 'documentation'],
  ['fc00::/7', 'private'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'private'], // site-local, deprecated by RFC 3879
  ['ff00::/8', 'multicast'],
  ['2000::/3', 'public'],
  ['::/0', 'reserved'],
];

interface Range {
  readonly first: bigint;
  readonly freeBits: bigint;
  readonly kind: AddressKind;
}

const ipv4Ranges = ipv4Rows.map((row) => rangeOf(row, 32));
const ipv6Ranges = ipv6Rows.map((row) => rangeOf(row, 128));
const nat64 = rangeOf(['64:ff9b::/96', 'transition'], 128);

/** @param address as `node:net` writes it, without brackets */
export function kindOf(address: string): AddressKind {
  if (isIP(address) === 0 || address.includes('%')) return 'unreadable';
  const number = numberOf(address);
  if (isIPv4(address)) return kindAmong(ipv4Ranges, number);
  if (holds(nat64, number)) return kindAmong(ipv4Ranges, number & 0xffff_ffffn);
  return kindAmong(ipv6Ranges, number);
}

function kindAmong(ranges: readonly Range[], number: bigint): AddressKind {
  return ranges.find((range) => holds(range, number))?.kind ?? 'unreadable';
}

function holds({ first, freeBits }: Range, number: bigint): boolean {
  return number >> freeBits === first >> freeBits;
}

function rangeOf([range, kind]: Row, bits: number): Range {
  const [address = '', length] = range.split('/');
  return { first: numberOf(address), freeBits: BigInt(bits - Number(length)), kind };
}

/** The address as one number; it must be a valid one. */
function numberOf(address: string): bigint {
  if (isIPv4(address)) return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
  // A dotted tail ("::ffff:1.2.3.4") stands for the last two groups.
  const tail = address.slice(address.lastIndexOf(':') + 1);
  const dotted = isIPv4(tail) ? numberOf(tail) : undefined;
  const plain =
    dotted === undefined
      ? address
      : `${address.slice(0, -tail.length)}${(dotted >> 16n).toString(16)}:${(dotted & 0xffffn).toString(16)}`;
  const [head = '', rest] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}
