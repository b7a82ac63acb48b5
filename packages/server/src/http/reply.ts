import { Refusal, type VaultCode } from '@sealgate/vault';
import { modernRevisions } from '../domain/eras.ts';
import type { ProblemPage } from '../domain/route-config.ts';
import { TryLater, type ServerCode } from '../errors.ts';

// The only place that knows statuses. A refusal says its code and its message; anything else that was thrown is a
// fault of ours and says the request's id, by which the log has the rest.

/** A status, and the JSON-RPC code beside it. */
type Answered = readonly [status: number, rpcCode: number];

const refused = (status: number): Answered => [status, -32000];
const badMessage: Answered = [400, -32600];
const ourFault: Answered = [500, -32603];

/** JSON-RPC codes are those of JSON-RPC 2.0, of MCP 2026-07-28 (-32020, -32022), and what the MCP SDK 2.4.0 answers in the same case. */
const answers: Readonly<Record<ServerCode | VaultCode, Answered>> = {
  address_forbidden: refused(400),
  answer_too_large: refused(502),
  audit_unavailable: refused(503),
  batch_unsupported: badMessage,
  body_invalid: [400, -32700],
  body_too_deep: badMessage,
  body_too_large: refused(413),
  client_invalid: refused(400),
  client_unknown: refused(404),
  config_invalid: ourFault,
  context_invalid: ourFault,
  credential_invalid: refused(400),
  credential_misdirected: refused(502),
  credential_missing: refused(424),
  cursor_invalid: refused(400),
  data_directory_in_use: ourFault,
  data_directory_unsafe: ourFault,
  deployment_in_use: ourFault,
  draining: refused(503),
  duplicate_key: badMessage,
  envelope_invalid: [400, -32602],
  era_unsupported: [400, -32022],
  event_unknown: [400, -32600],
  export_invalid: ourFault,
  fetch_failed: refused(502),
  fetch_timeout: refused(504),
  form_stale: refused(403),
  group_full: refused(409),
  group_unknown: refused(404),
  gateway_unreachable: refused(503),
  header_mismatch: [400, -32020],
  headers_too_large: refused(431),
  host_forbidden: refused(403),
  instance_unavailable: refused(503),
  internal: ourFault,
  invitation_invalid: refused(400),
  item_invalid: refused(400),
  journal_broken: refused(503),
  key_disabled: refused(403),
  key_shredded: refused(410),
  key_unavailable: refused(503),
  key_weak: ourFault,
  key_work_running: refused(409),
  link_spent: refused(400),
  loan_spent: ourFault,
  log_held: refused(409),
  log_invalid: refused(400),
  log_unreadable: refused(502),
  media_type_unsupported: refused(415),
  message_invalid: badMessage,
  method_not_allowed: refused(405),
  not_found: refused(404),
  open_failed: refused(500),
  origin_forbidden: refused(403),
  overloaded: refused(503),
  rate_limited: refused(429),
  receipt_invalid: ourFault,
  record_version_unknown: refused(500),
  redirect_forbidden: refused(502),
  request_invalid: refused(400),
  request_lost: refused(502),
  request_state_invalid: [400, -32602],
  request_timeout: refused(408),
  scope_insufficient: refused(403),
  session_changed: refused(409),
  session_lost: [404, -32001],
  session_unknown: [404, -32001],
  store_filled: ourFault,
  store_frozen: refused(503),
  store_insecure: ourFault,
  store_unavailable: refused(503),
  token_pending: refused(503),
  tool_denied: refused(403),
  unauthorized: refused(401),
  upstream_exists: refused(409),
  upstream_invalid: refused(400),
  upstream_timeout: refused(504),
  upstream_unauthorized: refused(502),
  upstream_unavailable: refused(502),
  upstream_unknown: refused(404),
  usage: refused(400),
  version_unsupported: refused(400),
};

/** Codes after which the same request may succeed by itself, and the seconds to wait when nothing better is known. */
const retryable: ReadonlyMap<string, string> = new Map([
  ['audit_unavailable', '5'],
  ['draining', '1'],
  ['key_unavailable', '5'],
  ['overloaded', '1'],
  ['rate_limited', '60'],
  ['store_frozen', '30'],
  ['store_unavailable', '5'],
]);

/** What a refusal is answered in. */
export interface Circumstance {
  /** Told to whoever asked, so that the log can be searched for it. */
  readonly requestId: string;
  /** `rpc`: a JSON-RPC error, as MCP clients read it; `plain`: JSON of our own. */
  readonly form: 'rpc' | 'plain';
  /** The id of the JSON-RPC request, once it is known. */
  readonly messageId?: string | number | null | undefined;
  /** The protocol revision that the request asked for. */
  readonly revision?: string | undefined;
  /** `WWW-Authenticate` of a 401 and of a 403 for a missing scope (RFC 9110 §11.6.1). */
  readonly challenge?: (() => string) | undefined;
  /** Makes the answer a page, for people in a browser; `form` is not used then. */
  readonly page?: ProblemPage | undefined;
  /** Methods of `Allow` for a 405, or others that belong to this answer. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** An answer ready to be written. */
export interface Written {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Whether this is a refusal, which is answered as it says; anything else is a fault of ours, to be logged whole. */
export function isRefusal(error: unknown): error is Refusal {
  return error instanceof Refusal && Object.hasOwn(answers, error.code) && error.code !== 'internal';
}

/** Make the answer to whatever was thrown. */
export function answerTo(error: unknown, circumstance: Circumstance): Written {
  const code = isRefusal(error) ? (error.code as ServerCode | VaultCode) : 'internal';
  const message = isRefusal(error)
    ? error.message
    : `something went wrong in the gateway: its log has it under ${circumstance.requestId}`;
  const [status, rpcCode] = answers[code];
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
  if (status === 401) headers['www-authenticate'] = circumstance.challenge?.() ?? 'Bearer';
  // RFC 6750 §3.1: the client is told which scope would do.
  if (code === 'scope_insufficient')
    headers['www-authenticate'] = (circumstance.challenge?.() ?? 'Bearer').replace(
      /^Bearer (?:error="[a-z_]+", )?/,
      'Bearer error="insufficient_scope", ',
    );
  const retryAfter = error instanceof TryLater ? String(error.retryAfterSeconds) : retryable.get(code);
  if (retryAfter !== undefined) headers['retry-after'] = retryAfter;
  if (closesConnection.has(code)) headers['connection'] = 'close';
  Object.assign(headers, circumstance.headers);
  if (circumstance.page !== undefined) {
    const page = circumstance.page({ code, message, requestId: circumstance.requestId });
    return { status, headers: { ...headers, ...page.headers }, body: Buffer.from(page.text) };
  }
  const about = { code, requestId: circumstance.requestId };
  const data =
    code === 'era_unsupported'
      ? { ...about, supported: modernRevisions, requested: circumstance.revision }
      : about;
  const body =
    circumstance.form === 'rpc'
      ? { jsonrpc: '2.0', id: circumstance.messageId ?? null, error: { code: rpcCode, message, data } }
      : { error: { message, ...about } };
  return { status, headers, body: Buffer.from(JSON.stringify(body)) };
}

/** After these the rest of the connection is not worth reading. */
const closesConnection = new Set([
  'body_too_large',
  'draining',
  'headers_too_large',
  'request_invalid',
  'request_timeout',
]);

/** The whole answer as bytes on a connection that has no response object (the request could not be read). */
export function rawAnswer({ status, headers, body }: Written): Buffer {
  const lines = Object.entries({ ...headers, 'content-length': String(body.byteLength) }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} \r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** `draining`: told to stop; `unavailable`: something the gateway stands on fails. */
type Health = 'ok' | 'draining' | 'unavailable';

/** The answer of a health check: 200 when ok, 503 when the load balancer should look elsewhere. */
export function healthAnswer(health: Health, facts: Readonly<Record<string, unknown>>): Written {
  return {
    status: health === 'ok' ? 200 : 503,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: Buffer.from(JSON.stringify({ status: health, ...facts })),
  };
}
