import { Refusal } from '@sealgate/vault';
import type { ServerCode } from '../errors.ts';

/** An upstream was not reached, broke off, or did not answer in time: what a breaker counts, and no other refusal. */
export class Silence extends Refusal<ServerCode> {
  /** @param message safe to show; it never quotes the request, which holds the credential */
  constructor(code: 'upstream_unavailable' | 'upstream_timeout', message: string) {
    super(code, message);
  }
}
