import { domainToASCII } from 'node:url';

// One person, one address: what differs only in case is the same address. Only plain addresses are taken (RFC 5321
// dot-atom in ASCII), so that an address cannot hold a quote, a comma, a line break or a letter that looks like another.

const localPart = /^(?!\.)(?!.*\.\.)[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}(?<!\.)$/;
const domainPart =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/**
 * The one form of an address by which people are found.
 *
 * @returns `undefined` for what is no plain e-mail address
 */
export function normalAddress(given: string): string | undefined {
  const text = given.trim();
  const at = text.indexOf('@');
  if (at < 1 || at !== text.lastIndexOf('@') || text.length > 254) return undefined;
  const local = text.slice(0, at).toLowerCase();
  const name = text.slice(at + 1);
  // Percent signs and slashes would be read as parts of an address of the web.
  if (!/^[\p{L}\p{M}\p{N}.-]+$/u.test(name)) return undefined;
  const domain = domainToASCII(name);
  const address = `${local}@${domain}`;
  return localPart.test(local) && domainPart.test(domain) && address.length <= 254 ? address : undefined;
}
