import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Sealer } from '@sealgate/vault';

// What stands before the internal address: a ticket in `Authorization`, made under the deployment's own key.
//
//   Sealgate-Instance base64url(JSON [to, atMs, nonce, digest]) . base64url(HMAC)
//
// `digest` is that of the whole body, and everything the owner acts on lies in the body: method, address, caller,
// headers and message. So a ticket is good for one body, one owner, one minute, and once.

const scheme = 'Sealgate-Instance ';
const form = /^[A-Za-z0-9_-]{1,1024}\.[A-Za-z0-9_-]{43}$/;

/** How far the clocks of two instances may be apart. */
export const ticketMs = 60_000;

/** What a ticket says. */
export interface Ticket {
  /** Id of the instance it is meant for. */
  readonly to: string;
  readonly atMs: number;
  readonly nonce: string;
  /** SHA-256 of the body, in base64url. */
  readonly digest: string;
}

type Blind = Pick<Sealer, 'blind'>;

/** SHA-256, in base64url. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}

/** A ticket for these bytes. @returns it, and the value for `Authorization` */
export function writeTicket(
  sealer: Blind,
  to: string,
  bytes: Uint8Array,
  atMs: number,
): { readonly ticket: Ticket; readonly authorization: string } {
  const ticket = { to, atMs, nonce: randomBytes(18).toString('base64url'), digest: digestOf(bytes) };
  const text = Buffer.from(JSON.stringify([to, atMs, ticket.nonce, ticket.digest])).toString('base64url');
  return { ticket, authorization: `${scheme}${text}.${sealer.blind('instance.pass', text)}` };
}

/** Read a ticket; `undefined` when no instance of this deployment has made it. */
export function readTicket(sealer: Blind, authorization: string | undefined): Ticket | undefined {
  if (authorization?.startsWith(scheme) !== true) return undefined;
  const value = authorization.slice(scheme.length);
  if (!form.test(value)) return undefined;
  const [text = '', mac = ''] = value.split('.');
  if (!same(mac, sealer.blind('instance.pass', text))) return undefined;
  const [to, atMs, nonce, digest] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as [
    string,
    number,
    string,
    string,
  ];
  return { to, atMs, nonce, digest };
}

/** What the owner's answer carries, so that whatever else listens at its address by now is not believed. */
export function proofOf(sealer: Blind, { to, nonce }: Ticket): string {
  return sealer.blind('instance.answer', `${to} ${nonce}`);
}

/** Whether two texts are the same, in a time that says nothing about them. */
export function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
