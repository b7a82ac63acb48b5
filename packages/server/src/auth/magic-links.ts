import { randomBytes, randomInt } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ItemOf, SealedTables, Stored } from '@sealgate/vault';
import type { Limiter } from '../domain/limit.ts';
import { networkOf } from '../domain/network-of.ts';
import type { People, Person } from '../domain/people.ts';

// A magic link signs one person in, once, within 15 minutes. The store holds the token blinded, so whoever reads it has
// no link. Asking does the same work for every address and answers before anything is sent, so neither the answer nor
// its time says whether somebody is known; limits on addresses are silent for the same reason.
//
//   magic_links: linkHash (blinded) · ttl · endsAtMs · asked (sealed: {email or userId, returnTo?})

const lifeMs = 15 * 60 * 1000;
const tokenForm = /^[A-Za-z0-9_-]{43}$/;
/** Mails on their way at once; more would let strangers fill the memory. */
const deliveriesMax = 100;

/** What links need from outside. */
export interface MagicLinkParts {
  readonly tables: SealedTables;
  readonly people: People;
  /** The configured origin, without a trailing slash: never what a request calls us. */
  readonly origin: () => string;
  /** Brings a link to an address. `undefined`: nobody is sent one. */
  readonly deliver: ((address: string, link: string) => Promise<void>) | undefined;
  /**
   * A link leaves at a random moment within so many milliseconds: composing mail takes the processor for a moment, and a
   * request right after the answer would feel it. At least 1.
   */
  readonly spreadMs: number;
  /** Whether an address that nobody has may become a person. */
  readonly signUp: 'open' | 'closed';
  readonly limits: {
    /** By network: links to addresses that nobody has. */
    readonly signUps: Limiter;
    /** By address: links to one mailbox. */
    readonly mailbox: Limiter;
  };
  /** Told when a link could not be delivered. */
  failed(error: unknown): void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Of `node:crypto` when not given. */
  readonly random?: (bytes: number) => Uint8Array;
}

/** Who asked for a link. */
export interface LinkRequest {
  /** A normal one (`domain/mail-address.ts`). */
  readonly email: string;
  readonly ip: string | undefined;
  /** A checked path of ours to go on to. */
  readonly returnTo: string | undefined;
}

/** What a link was good for. */
export interface Redeemed {
  readonly person: Person;
  readonly returnTo: string | undefined;
}

/** Links that sign in. */
export interface MagicLinks {
  readonly delivers: boolean;
  /** Send a link, if the address may have one. The caller never learns. */
  request(request: LinkRequest): Promise<void>;
  /** A link for somebody who is known, for the operator to hand over. */
  linkFor(subject: string): Promise<string>;
  /** A link for this person, as long as nobody has ever signed in; then `undefined`. */
  firstStartLink(subject: string): Promise<string | undefined>;
  /** Whom a living link signs in, as shown to people. Changes nothing. */
  look(token: string): Promise<string | undefined>;
  /** Use a link up. Of any number of racers one gets it; the others, and those who are late, get `undefined`. */
  redeem(token: string): Promise<Redeemed | undefined>;
  /** Send at once what still waits, and wait for what is on its way. */
  close(): Promise<void>;
}

/** Open the links. */
export function openMagicLinks(parts: MagicLinkParts): MagicLinks {
  const { people, deliver, now } = parts;
  const underway = new Set<Promise<void>>();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const send = (address: string, link: string): void => {
    if (deliver === undefined || underway.size >= deliveriesMax) return;
    // Later, and not at a known time: not even its first step may tell a known address from others.
    const waited = sleep(randomInt(parts.spreadMs) + 1, undefined, { signal: closing.signal });
    const one = waited
      .catch(() => undefined)
      .then(() => deliver(address, link))
      .catch(parts.failed)
      .finally(() => underway.delete(one));
    underway.add(one);
  };
  const linkFor = (subject: string): Promise<string> => issue(parts, { userId: subject });
  return {
    delivers: deliver !== undefined,
    linkFor,
    async request({ email, ip, returnTo }) {
      const known = await people.isKnown(email);
      const link = await issue(parts, { email, ...(returnTo === undefined ? {} : { returnTo }) });
      if (await mayHave(parts, { email, ip, known })) send(email, link);
    },
    firstStartLink: async (subject) => ((await people.anybodySignedIn()) ? undefined : linkFor(subject)),
    async look(token) {
      const item = (await living(parts, token))?.item;
      if (item === undefined) return undefined;
      const { email, userId = '' } = await askedIn(parts, item);
      if (email !== undefined) return email;
      const person = await people.find(userId);
      return person?.email ?? person?.name;
    },
    async redeem(token) {
      const stored = await living(parts, token);
      if (stored === undefined) return undefined;
      const { revision, item } = stored;
      const won = await parts.tables.remove('magic_links', { linkHash: token }, { ifRevision: revision });
      // The clock may have reached the end while the store answered.
      if (!won || Number(item['endsAtMs']) <= now()) return undefined;
      const asked = await askedIn(parts, item);
      const person = await personOf(parts, asked);
      return person && { person, returnTo: asked.returnTo };
    },
    async close() {
      closing.abort();
      await Promise.all(underway);
    },
  };
}

/** Whom a link is for: an address, or somebody who is known. */
interface AskedFor {
  readonly email?: string;
  readonly userId?: string;
  readonly returnTo?: string;
}

async function issue(
  { tables, origin, now, random = randomBytes }: MagicLinkParts,
  askedFor: AskedFor,
): Promise<string> {
  const linkHash = Buffer.from(random(32)).toString('base64url');
  const endsAtMs = now() + lifeMs;
  const asked = Buffer.from(JSON.stringify(askedFor));
  const item = { linkHash, ttl: Math.ceil(endsAtMs / 1000), endsAtMs, asked };
  await tables.put('magic_links', item, { ifAbsent: true });
  return `${origin()}/sign-in/link?token=${linkHash}`;
}

interface Asked {
  readonly email: string;
  readonly ip: string | undefined;
  readonly known: boolean;
}

async function mayHave({ limits, signUp }: MagicLinkParts, { email, ip, known }: Asked): Promise<boolean> {
  if (!(await limits.mailbox.consume(email)).allowed) return false;
  const network = networkOf(ip);
  // Asked for those who are known as well: how long it takes to ask tells nobody who they are.
  const standing = await (known ? limits.signUps.check(network) : limits.signUps.consume(network));
  return known || (signUp === 'open' && standing.allowed);
}

async function living(
  { tables, now }: MagicLinkParts,
  token: string,
): Promise<Stored<ItemOf<'magic_links'>> | undefined> {
  if (!tokenForm.test(token)) return undefined;
  const stored = await tables.get('magic_links', { linkHash: token });
  return stored !== undefined && Number(stored.item['endsAtMs']) > now() ? stored : undefined;
}

async function askedIn({ tables }: MagicLinkParts, item: ItemOf<'magic_links'>): Promise<AskedFor> {
  const asked = await tables.openField('magic_links', item, 'asked');
  return JSON.parse(asked.toString()) as AskedFor;
}

async function personOf(
  { people, signUp }: MagicLinkParts,
  { email, userId = '' }: AskedFor,
): Promise<Person | undefined> {
  if (email === undefined) return people.find(userId);
  return signUp === 'open' ? people.ensureByEmail(email) : people.findByEmail(email);
}
