// Where checkpoints of the audit log are noted elsewhere, and what of that contradicts itself.
import type { Values } from './active.ts';
import { isLoopback } from './loopback.ts';
import type { Secret } from './variable.ts';

/** Where checkpoints are noted elsewhere, and how often. */
export interface AnchorChoice {
  readonly intervalSeconds: number;
  /** Among the blobs. */
  readonly archive: boolean;
  /** `undefined`: they are sent nowhere. */
  readonly webhook: AnchorWebhook | undefined;
}

/** Whom they are sent to. */
export interface AnchorWebhook {
  /** It may have a token in it. */
  readonly url: Secret;
  /** It is on this machine, and may be so. */
  readonly local: boolean;
  /** `undefined`: nothing but the checkpoint itself is signed. */
  readonly secret: Secret | undefined;
}

/** The places that the values name. */
export function anchorsOf(values: Values, secrets: readonly Secret[]): AnchorChoice {
  const named = (name: string): Secret | undefined => secrets.find((secret) => secret.name === name);
  const url = named('AUDIT_ANCHOR_URL');
  return {
    intervalSeconds: values.AUDIT_ANCHOR_INTERVAL_SECONDS,
    archive: values.AUDIT_ANCHOR_ARCHIVE ?? values.STORAGE_TYPE === 's3',
    webhook: url && {
      url,
      local: isLoopback(new URL(url.reveal()).hostname),
      secret: named('AUDIT_ANCHOR_SECRET'),
    },
  };
}

/** What stands against the places that the values name, each with what to do. */
export function anchorProblems({ AUDIT_ANCHOR_URL, AUDIT_ANCHOR_SECRET }: Values): string[] {
  if (AUDIT_ANCHOR_URL === undefined)
    return AUDIT_ANCHOR_SECRET === undefined ? [] : ['AUDIT_ANCHOR_SECRET needs AUDIT_ANCHOR_URL'];
  const { protocol, hostname } = new URL(AUDIT_ANCHOR_URL);
  if (protocol === 'https:' || isLoopback(hostname)) return [];
  return ['AUDIT_ANCHOR_URL must be https unless it is on this machine'];
}
