import { lookup as systemCall } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';
import { refuse } from '../errors.ts';
import { mayReach, type Reach } from './reach.ts';

// Every connection to an address that somebody named is opened here. The name is looked up once, while the connection is
// made, and the socket goes to exactly the addresses that were judged: there is no second look-up that could say something
// else (DNS rebinding). One forbidden address among several forbids the name, since which one is taken is chance. TLS still
// proves the name, because only the look-up is replaced.

/** All addresses of a name. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** What the machine's resolver says. */
const systemLookup: Lookup = async (name) =>
  (await systemCall(name, { all: true })).map(({ address }) => address);

/** How connections are opened. */
export interface ConnectorPolicy {
  /** @param hostname without brackets */
  readonly reach: (hostname: string) => Reach;
  /** What the machine's resolver says when left out. */
  readonly lookup?: Lookup;
  /** Longest time for look-up, TCP and TLS together. */
  readonly connectMs: number;
}

/**
 * A connector for undici's clients and pools.
 *
 * It fails with a Refusal `address_forbidden`, or with what the resolver, TCP or TLS say.
 */
export function guardedConnector(policy: ConnectorPolicy): buildConnector.connector {
  const { reach, lookup = systemLookup, connectMs } = policy;
  const judge = callbackify((name: string) => judged(name, reach(name), lookup));
  const find: LookupFunction = (name, { all }, callback) =>
    judge(name, (error, addresses) => {
      const [first] = addresses ?? [];
      if (all === true) callback(error, addresses ?? []);
      else callback(error, first?.address ?? '', first?.family);
    });
  const connect = buildConnector({ timeout: connectMs, allowH2: false, lookup: find });
  return (options, callback) => {
    const hostname = options.hostname.replace(/^\[|\]$/g, '');
    // Sockets look up names only.
    if (isIP(hostname) !== 0 && !mayReach(hostname, reach(hostname)))
      queueMicrotask(() => callback(forbidden(hostname, hostname), null));
    else connect({ ...options, hostname }, callback);
  };
}

interface Judged {
  readonly address: string;
  readonly family: number;
}

async function judged(name: string, reach: Reach, lookup: Lookup): Promise<Judged[]> {
  const addresses = await lookup(name);
  for (const address of addresses) if (!mayReach(address, reach)) throw forbidden(name, address);
  if (addresses.length === 0)
    throw Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
  return addresses.map((address) => ({ address, family: isIP(address) }));
}

function forbidden(name: string, address: string): Error {
  return refuse('address_forbidden', 'this address may not be reached from here', `${name} is ${address}`);
}
