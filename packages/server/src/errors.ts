import { Refusal } from '@sealgate/vault';

/** Every code a refusal of the server can carry, beside those of the vault. `docs/errors.md` lists them; a test holds both equal. */
export const serverCodes = [
  'address_forbidden',
  'answer_too_large',
  'batch_unsupported',
  'body_invalid',
  'body_too_deep',
  'body_too_large',
  'client_invalid',
  'client_unknown',
  'config_invalid',
  'deployment_in_use',
  'draining',
  'duplicate_key',
  'envelope_invalid',
  'era_unsupported',
  'event_unknown',
  'fetch_failed',
  'fetch_timeout',
  'form_stale',
  'gateway_unreachable',
  'group_full',
  'group_unknown',
  'header_mismatch',
  'headers_too_large',
  'host_forbidden',
  'instance_unavailable',
  'internal',
  'invitation_invalid',
  'link_spent',
  'media_type_unsupported',
  'message_invalid',
  'method_not_allowed',
  'not_found',
  'origin_forbidden',
  'overloaded',
  'rate_limited',
  'reading_ended',
  'redirect_forbidden',
  'request_invalid',
  'request_lost',
  'request_state_invalid',
  'request_timeout',
  'scope_insufficient',
  'session_lost',
  'session_unknown',
  'tool_denied',
  'unauthorized',
  'upstream_exists',
  'upstream_invalid',
  'upstream_timeout',
  'upstream_unauthorized',
  'upstream_unavailable',
  'upstream_unknown',
  'usage',
  'version_unsupported',
] as const;

/** One of {@link serverCodes}. */
export type ServerCode = (typeof serverCodes)[number];

/** A {@link Refusal} with a code of the server. `detail` is for the log only. */
export function refuse(
  code: ServerCode,
  message: string,
  detail?: string,
  cause?: unknown,
): Refusal<ServerCode> {
  return new Refusal(code, message, detail, cause === undefined ? undefined : { cause });
}

/** A refusal that knows when the same request may succeed. */
export class TryLater extends Refusal<ServerCode> {
  readonly retryAfterSeconds: number;

  /** @param message one sentence that is safe to show */
  constructor(code: ServerCode, message: string, retryAfterSeconds: number) {
    super(code, message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
