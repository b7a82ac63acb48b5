import { isModern, legacyRevisions, modernRevisions } from '../domain/eras.ts';
import { refuse } from '../errors.ts';
import type { Fields } from './fields.ts';
import { readMessage, type Message } from './message.ts';
import { answerUpstream, closeSession, methodOf, openStream, type Method } from './methods.ts';
import { modernMirror } from './mirror.ts';
import { toldParameters } from './parameters.ts';
import { scanBody } from './scan.ts';

// What does the client want? The era is the body's word (`_meta` of 2026-07-28), the headers must agree with it, and
// only what was compared goes on. The order of the checks, and with it the code a bad request gets, is that of
// `createMcpHandler` of @modelcontextprotocol/server 2.4.0.

/** The `_meta` key that makes a message one of the stateless era (MCP 2026-07-28, basic). */
const versionKey = 'io.modelcontextprotocol/protocolVersion';

/** One message on its way through, read and checked. */
export interface Call {
  readonly era: 'modern' | 'legacy';
  /** `stream` is a GET, `close` a DELETE. */
  readonly kind: Message['kind'] | 'stream' | 'close';
  /** Of a request, or of the request that a response answers; else `undefined`. */
  readonly id: string | number | null | undefined;
  /** `''` when there is none. */
  readonly method: string;
  readonly is: Method;
  /** What the method is about: the tool, prompt, resource or task. `undefined` when it has none. */
  readonly name: string | undefined;
  /** What the log is told of its parameters, before redaction. `undefined`: nothing. */
  readonly params: unknown;
  readonly progressToken: string | number | undefined;
  /** The MCP headers to send upstream: each one equals the body or is bound to nothing in it. */
  readonly mirror: Readonly<Record<string, string>>;
}

/** What a refusal of a message is told with: whose it is, and which protocol revision it asked for. */
export interface Sighted {
  readonly id: Message['id'];
  /** `undefined` when the body names none. */
  readonly revision: string | undefined;
}

/**
 * Read a POST.
 *
 * @param onSight told of the message before it is checked any further
 * @throws Refusal those of `scanBody` and `readMessage`, and `media_type_unsupported`, `header_mismatch`, `envelope_invalid`,
 *   `era_unsupported` (a stateless revision we do not know), `version_unsupported` (an older one), each before anything is sent
 */
export function readCall(fields: Fields, body: Uint8Array, onSight?: (sighted: Sighted) => void): Call {
  refuseOtherMedia(fields.get('content-type'));
  const message = readMessage(scanBody(body));
  const claim = message.meta[versionKey];
  onSight?.({ id: message.id, revision: typeof claim === 'string' ? claim.slice(0, 32) : undefined });
  if (message.kind === 'response') return readAnswer(fields, message);
  return eraOf(fields, message) === 'modern' ? modernCall(fields, message) : legacyCall(fields, message);
}

/**
 * Read a GET (`stream`) or a DELETE (`close`) of a legacy session.
 *
 * @throws Refusal `method_not_allowed` in the stateless era, `version_unsupported`
 */
export function readSessionCall(fields: Fields, kind: 'stream' | 'close'): Call {
  const version = fields.get('mcp-protocol-version');
  if (version !== undefined && isModern(version))
    throw refuse('method_not_allowed', 'protocol revisions from 2026-07-28 on know POST alone');
  const is = kind === 'stream' ? openStream : closeSession;
  return {
    era: 'legacy',
    kind,
    id: undefined,
    method: '',
    is,
    name: undefined,
    params: undefined,
    progressToken: undefined,
    mirror: legacyMirror(fields),
  };
}

function eraOf(fields: Fields, message: Message): 'modern' | 'legacy' {
  const claim = message.meta[versionKey];
  const claimed = Object.hasOwn(message.meta, versionKey);
  const header = fields.get('mcp-protocol-version');
  const modernHeader = header !== undefined && isModern(header);
  if (message.method === 'initialize' && !(typeof claim === 'string' && isModern(claim))) {
    if (modernHeader)
      throw mismatch(
        'initialize belongs to the revisions before 2026-07-28, the MCP-Protocol-Version header does not',
      );
    return 'legacy';
  }
  if (claimed) {
    if (typeof claim !== 'string') throw refuse('envelope_invalid', `_meta: ${versionKey} is not a text`);
    return 'modern';
  }
  if (!modernHeader) return 'legacy';
  // A notification may name its revision in the header alone; a request may not.
  if (message.kind === 'request') throw refuse('envelope_invalid', `_meta lacks ${versionKey}`);
  return 'modern';
}

function modernCall(fields: Fields, message: Message): Call {
  const header = fields.get('mcp-protocol-version');
  const claim = message.meta[versionKey];
  const revision = typeof claim === 'string' ? claim : header;
  if (header !== undefined && header !== revision)
    throw mismatch('the MCP-Protocol-Version header and the body name different revisions');
  const method = fields.get('mcp-method');
  if (method !== undefined && method !== message.method)
    throw mismatch('the Mcp-Method header and the body name different methods');
  if (revision === undefined || !modernRevisions.includes(revision))
    throw refuse(
      'era_unsupported',
      `protocol revision ${JSON.stringify(revision?.slice(0, 32))} is not supported`,
    );
  const is = methodOf(message.method);
  const name = nameOf(message, is);
  return {
    era: 'modern',
    ...about(message),
    is,
    name,
    params: toldParameters(is.act, message.params),
    mirror: modernMirror(fields, message, { nameIn: is.nameIn, name }),
  };
}

function legacyCall(fields: Fields, message: Message): Call {
  const is = methodOf(message.method);
  const mirror = message.method === 'initialize' ? {} : legacyMirror(fields);
  const params = toldParameters(is.act, message.params);
  return { era: 'legacy', ...about(message), is, name: nameOf(message, is), params, mirror };
}

function readAnswer(fields: Fields, message: Message): Call {
  const version = fields.get('mcp-protocol-version');
  if (version !== undefined && isModern(version))
    throw refuse('message_invalid', 'protocol revisions from 2026-07-28 on have no responses of clients');
  return {
    era: 'legacy',
    ...about(message),
    is: answerUpstream,
    name: undefined,
    params: undefined,
    mirror: legacyMirror(fields),
  };
}

function about(message: Message): Pick<Call, 'kind' | 'id' | 'method' | 'progressToken'> {
  const token = message.meta['progressToken'];
  const progressToken = typeof token === 'string' || typeof token === 'number' ? token : undefined;
  return { kind: message.kind, id: message.id, method: message.method, progressToken };
}

function nameOf(message: Message, is: Method): string | undefined {
  const name =
    is.nameIn === undefined || !Object.hasOwn(message.params, is.nameIn)
      ? undefined
      : message.params[is.nameIn];
  return typeof name === 'string' ? name : undefined;
}

function legacyMirror(fields: Fields): Record<string, string> {
  const version = fields.get('mcp-protocol-version');
  if (version === undefined) return {};
  if (!legacyRevisions.includes(version))
    throw refuse(
      'version_unsupported',
      `protocol revision ${JSON.stringify(version.slice(0, 32))} is not supported (supported: ${legacyRevisions.join(', ')})`,
    );
  return { 'mcp-protocol-version': version };
}

function mismatch(message: string) {
  return refuse('header_mismatch', message);
}

const utf8Json = /^application\/json[\t ]*(?:;[\t ]*charset[\t ]*=[\t ]*"?utf-?8"?[\t ]*)?;?$/i;

function refuseOtherMedia(type: string | undefined): void {
  // Another charset would be another reading of the same bytes.
  if (type === undefined || !utf8Json.test(type))
    throw refuse('media_type_unsupported', 'the content type must be application/json in UTF-8');
}
