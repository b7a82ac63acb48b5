import { isIPv6 } from 'node:net';

/**
 * What counts as one address in a limit: an IPv4 address, or the /64 of an IPv6 address, which one household or server
 * has to itself (RFC 6177).
 *
 * @param address of a socket's other end; `undefined` counts as one address
 */
export function networkOf(address: string | undefined): string {
  const plain = (address ?? 'unknown').replace(/%.*$/, '').toLowerCase();
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  // An IPv4 ending stands for two groups.
  const count = before.length + after.length + (plain.includes('.') ? 1 : 0);
  const filled = tail === undefined ? before : [...before, ...Array<string>(8 - count).fill('0'), ...after];
  return `${filled
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
