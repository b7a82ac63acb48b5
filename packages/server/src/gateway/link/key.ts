import { hash } from 'node:crypto';
import type { Upstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import { mayAsk } from './capabilities.ts';
import type { Era } from './child-era.ts';

// The rule of sharing (docs/protocol.md): a child is shared between people only when it has no credential and nothing is
// declared to it that it could ask. Over HTTP each request is lent the credential of whoever sends it, so a session is
// never shared between people at all.

/** What decides whose a link is. */
export interface Belonging {
  readonly tenant: string;
  readonly subject: string;
  readonly upstream: Upstream;
  readonly holder: string | undefined;
  /** The holder wants it alone, whatever the rule: its log messages, for one, are then its own. */
  readonly alone: boolean;
  readonly capabilities: Values;
  /** The era that is spoken; over HTTP the one to speak when the upstream knows both. */
  readonly era: Era;
  /** The credential in a child's environment; `undefined`: none, or it is lent with each request. */
  readonly connection: { readonly connectionId: string; readonly epoch: number } | undefined;
}

/** Who may use a link, and the key of its slot. */
export interface Share {
  readonly key: string;
  readonly subject: string | undefined;
  readonly holder: string | undefined;
}

/** Whose link it is. */
export function shareOf(of: Belonging): Share {
  const { upstream, connection } = of;
  const own = connection !== undefined || upstream.credential !== undefined || mayAsk(of.capabilities);
  const subject = upstream.kind === 'http' || own || of.alone ? of.subject : undefined;
  const holder = own || of.alone ? of.holder : undefined;
  const whose = nameOfLent(connection);
  const key = JSON.stringify([
    of.tenant,
    upstream.name,
    digestOf(upstream),
    of.era,
    whose,
    subject ?? null,
    holder ?? null,
    holder === undefined ? '' : of.capabilities,
  ]);
  return { key, subject, holder };
}

/** A name for a credential that is lent; `undefined`: none is. */
export function nameOfLent(lent: Belonging['connection']): string {
  return lent === undefined ? '' : `${lent.connectionId}@${lent.epoch}`;
}

/** A name for what is reached: the command with its arguments, settings and directory, or the address. */
export function digestOf(upstream: Upstream): string {
  const known = digests.get(upstream);
  if (known !== undefined) return known;
  const what =
    upstream.kind === 'stdio'
      ? [upstream.command, upstream.args, upstream.env, upstream.cwd ?? null]
      : [upstream.url, upstream.credential !== undefined];
  const digest = hash('sha256', JSON.stringify(what), 'base64url');
  digests.set(upstream, digest);
  return digest;
}

const digests = new WeakMap<Upstream, string>();
