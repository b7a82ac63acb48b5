import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal, type Records, type Sealer } from '@sealgate/vault';
import { refuse } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { knownMs, openLeases, type Leases } from './leases.ts';
import type { Owners, Served } from './owners.ts';
import { digestOf, proofOf, readTicket, ticketMs, type Ticket } from './pass-ticket.ts';
import { proofHeader, readPassage, refusalHeader } from './pass-text.ts';
import { openPassing, unavailable } from './passing.ts';
import { spentNonces, type SpentNonces } from './spent-nonces.ts';
import { openStoreMark } from './store-mark.ts';

/** What {@link openOwners} stands on. */
export interface OwnersParts {
  /** Sealed, of the deployment itself. Closed by whoever opened them. */
  readonly records: Records;
  readonly sealer: Pick<Sealer, 'blind'>;
  /** Origin at which other instances reach this one; `undefined`: none can, and this one counts as alone. */
  readonly advertiseUrl: string | undefined;
  /** Longest wait for the beginning of an owner's answer. */
  readonly answerMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
}

/** Register this instance among those of its deployment. */
export async function openOwners(parts: OwnersParts): Promise<Owners> {
  const { records, sealer, advertiseUrl, answerMs, now, log } = parts;
  const self = randomUUID();
  const mark = await openStoreMark(records, now);
  const { leases, onReturn } = await takeLease(parts, self);
  const passedHere = new WeakSet<Request>();
  const passing = openPassing({ leases, sealer, answerMs, now });
  const admission: Admission = { self, sealer, nonces: spentNonces(now) };
  let left = false;
  return {
    self,
    mark,
    onReturn,
    async pass(owner, passage, request) {
      if (owner === self) throw new Error('an instance does not pass to itself');
      if (passedHere.has(request))
        throw unavailable('the session moved between instances; send the request again');
      return passing.pass(owner, passage, request);
    },
    alive: (id) => isAlive(id, self, leases),
    async answer({ authorization, read, signal }, serve) {
      // Without a proof in the answer the sender takes this instance for gone, as it should.
      if (left) throw nothingHere('this instance is stopping');
      const ticket = admit(authorization, admission);
      const bytes = await read();
      if (digestOf(bytes) !== ticket.digest) throw nothingHere('its body is not the one of the ticket');
      const answer = await served(async () => {
        if (Math.abs(ticket.atMs - now()) > ticketMs)
          throw unavailable('the clocks of two instances are more than a minute apart');
        const { passage, request } = readPassage(bytes, signal);
        passedHere.add(request);
        return serve(passage, request);
      }, log);
      return proven(answer, proofOf(sealer, ticket));
    },
    async leave() {
      left = true;
      await leases.close();
      if (advertiseUrl !== undefined) await sleep(knownMs);
    },
    async close() {
      await passing.close();
      await leases.close();
    },
  };
}

async function takeLease({ records, advertiseUrl, now, log }: OwnersParts, self: string) {
  const listeners: (() => Promise<void>)[] = [];
  const leases = await openLeases({
    records,
    own: advertiseUrl === undefined ? undefined : { id: self, url: advertiseUrl, startedAtMs: now() },
    now,
    async returned() {
      for (const listener of listeners) await listener();
    },
    failed: (error) => log.error({ err: error }, 'the lease of this instance could not be renewed'),
  });
  return { leases, onReturn: (listener: () => Promise<void>) => void listeners.push(listener) };
}

async function isAlive(id: string, self: string, leases: Leases): Promise<boolean> {
  return id === self || (await leases.find(id)) !== undefined;
}

interface Admission {
  readonly self: string;
  readonly sealer: Pick<Sealer, 'blind'>;
  readonly nonces: SpentNonces;
}

function admit(authorization: string | undefined, { self, sealer, nonces }: Admission): Ticket {
  const ticket = readTicket(sealer, authorization);
  if (ticket === undefined) throw nothingHere('no instance of this deployment made its ticket');
  if (ticket.to !== self) throw nothingHere('its ticket is for another instance');
  const spent = nonces.spend(ticket.nonce, ticket.atMs);
  if (spent === 'spent') throw nothingHere('its ticket was used before');
  if (spent === 'full') throw refuse('overloaded', 'too many requests of other instances at once');
  return ticket;
}

// To whoever is no instance of ours there is nothing at this address.
function nothingHere(detail: string): Refusal {
  return refuse('not_found', 'there is nothing at this address', `a passed request was refused: ${detail}`);
}

/** Refusals travel as what they are: the instance that has the client makes its answer of them. */
async function served(serve: () => Promise<Served>, log: Log): Promise<Served> {
  try {
    return await serve();
  } catch (error) {
    const refusal = error instanceof Refusal ? error : faultOf(error, log);
    const { code, message, detail } = refusal;
    log.debug({ code, detail }, 'a passed request was refused');
    const headers = { [refusalHeader]: '1' };
    return { response: Response.json({ code, message }, { status: 409, headers }), done: () => undefined };
  }
}

function faultOf(error: unknown, log: Log): Refusal {
  log.error({ err: error }, 'a fault of ours, in a request that another instance passed');
  return refuse('internal', 'the instance that holds this session failed; its log says how');
}

function proven({ response, done }: Served, proof: string): Served {
  const headers = new Headers(response.headers);
  headers.set(proofHeader, proof);
  const { status } = response;
  return { response: new Response(response.body, { status, headers }), done };
}
