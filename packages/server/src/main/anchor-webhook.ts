import { createHmac } from 'node:crypto';
import type { AppConfig } from '../config.ts';
import { refuse } from '../errors.ts';
import { openGuardedFetch } from '../outgoing/guarded-fetch.ts';

// A checkpoint is sent as it was signed, so that whoever gets it can keep the body as it is. Around it stands what Standard
// Webhooks (standardwebhooks.com) asks for: an id that stays the same when it is sent again, the time, and an HMAC of both
// and the body.

const answerBytesMax = 65_536;
const timeoutMs = 10_000;
const base64Prefix = 'whsec_';

/** What is sent. */
export interface SentAnchor {
  /** The same when it is sent again. */
  readonly id: string;
  /** The signed checkpoint. */
  readonly note: string;
}

/**
 * Sends checkpoints to the address of the configuration: the public network, or this machine if it names that.
 *
 * @returns resolves when it was taken: status 2xx. Throws Refusal as `GuardedFetch`, and `fetch_failed` for another status
 */
export function openAnchorWebhook(
  { url, local, secret }: NonNullable<AppConfig['auditLog']['anchors']['webhook']>,
  now: () => number,
): (anchor: SentAnchor, signal: AbortSignal) => Promise<void> {
  const allow = local ? { http: true, hosts: [new URL(url.reveal()).hostname] } : {};
  const fetch = openGuardedFetch({ allow, bytesMax: answerBytesMax, timeoutMs });
  return async ({ id, note }, signal) => {
    const seconds = String(Math.floor(now() / 1000));
    const headers: Record<string, string> = {
      'content-type': 'text/plain; charset=utf-8',
      'webhook-id': id,
      'webhook-timestamp': seconds,
    };
    if (secret !== undefined)
      headers['webhook-signature'] = `v1,${createHmac('sha256', keyOf(secret.reveal()))
        .update(`${id}.${seconds}.${note}`)
        .digest('base64')}`;
    const request = { method: 'POST', headers, body: note, redirect: 'error', signal } as const;
    const { ok, status } = await fetch(url.reveal(), request);
    if (!ok) throw refuse('fetch_failed', `the webhook of anchors answered with status ${status}`);
  };
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(base64Prefix)
    ? Buffer.from(secret.slice(base64Prefix.length), 'base64')
    : Buffer.from(secret);
}
