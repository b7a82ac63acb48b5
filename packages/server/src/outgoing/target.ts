import { isIP } from 'node:net';
import { refuse } from '../errors.ts';
import { blockedPorts } from './blocked-ports.ts';
import { isPublicName, type Reach } from './reach.ts';

/** What is allowed beyond `https:` to the public network. */
export interface Allowed {
  /** `http:` too; never after a redirect from `https:`. */
  readonly http?: boolean;
  /** Loopback and private addresses too, and names that only this network knows. */
  readonly private?: boolean;
  /** The same for these host names only, as the URL standard writes them (lower case, ASCII). */
  readonly hosts?: readonly string[];
}

/** How far a host may be reached. */
export function reachOf(hostname: string, allow: Allowed): Reach {
  return allow.private === true || allow.hosts?.includes(hostname) === true ? 'operator' : 'public';
}

/**
 * Judge an address by its text, before anything is looked up: scheme, user and password, port and name. The URL standard
 * has by then turned every other spelling of an IPv4 address (octal, hexadecimal, one number, full-width) into the usual
 * one, which the connector judges.
 *
 * @throws Refusal `address_forbidden`
 */
export function checkTarget(url: URL, allow: Allowed): void {
  const { protocol, username, password, port, hostname } = url;
  if (protocol !== 'https:' && !(protocol === 'http:' && allow.http === true))
    throw forbidden('the address must begin with https://', protocol);
  if (username !== '' || password !== '')
    throw forbidden('the address must have no user and no password', hostname);
  if (port !== '' && blockedPorts.has(Number(port)))
    throw forbidden('the port of the address belongs to another protocol', `${hostname} port ${port}`);
  const bare = hostname.replace(/^\[|\]$/g, '');
  if (isIP(bare) === 0 && reachOf(hostname, allow) === 'public' && !isPublicName(hostname))
    throw forbidden('this address may not be reached from here', `${hostname} is a local name`);
}

function forbidden(message: string, detail: string): Error {
  return refuse('address_forbidden', message, detail);
}
