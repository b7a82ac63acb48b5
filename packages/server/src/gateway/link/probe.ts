import type { AuditContext } from '@sealgate/vault';
import { legacyRevisions, modernRevisions } from '../../domain/eras.ts';
import type { Values } from '../front/target.ts';
import { Silence } from '../silence.ts';
import { enveloped, mirrored } from './envelope.ts';
import { exchange, type WireParts } from './http-wire.ts';
import type { LinkLimits } from './limits.ts';

// Finding out which eras an upstream speaks (MCP 2026-07-28, versioning): a request of the newer era, and an `initialize`. What
// speaks of a credential, of a broken server or of time says nothing of eras and ends the probe.

/** The eras of an upstream. */
export interface Eras {
  /** `undefined`: it speaks the newer era, and nobody has wanted to know of this one. */
  readonly legacy: boolean | undefined;
  readonly modern: boolean;
}

/** Who asks, and how. */
export interface ProbeParts extends WireParts {
  readonly context: AuditContext;
  readonly limits: Pick<LinkLimits, 'startSeconds'>;
  readonly version: string;
}

/** Codes that only a server of the newer era uses: header mismatch, missing capability, unsupported revision. */
const modernCodes = new Set([-32020, -32021, -32022]);

/**
 * Find out, and no more than is wanted: a server of the newer era that keeps to it need never see an `initialize`.
 *
 * @param known what was found before; `undefined`: nothing
 * @throws Refusal `upstream_unavailable`, `upstream_unauthorized`, `upstream_timeout`, and those of `Gate.use`
 */
export async function probe(parts: ProbeParts, wanted: keyof Eras, known?: Eras): Promise<Eras> {
  const modern = known?.modern ?? (await speaksModern(parts));
  const legacy = modern && wanted === 'modern' ? known?.legacy : await speaksLegacy(parts);
  return { modern, legacy };
}

async function speaksModern(parts: ProbeParts): Promise<boolean> {
  const params = enveloped(undefined, {}, parts.version);
  const message = { jsonrpc: '2.0', id: 1, method: 'server/discover', params };
  const { answer } = await ask(parts, message, mirrored('server/discover', undefined));
  const { result, error } = answer ?? {};
  if (isObject(result)) {
    const versions = result['supportedVersions'];
    // A server that answers whatever it is asked with an empty result knows nothing of it.
    return Array.isArray(versions) && versions.some((version) => modernRevisions.includes(String(version)));
  }
  if (!isObject(error) || !modernCodes.has(Number(error['code']))) return false;
  const supported = isObject(error['data']) ? error['data']['supported'] : undefined;
  return !Array.isArray(supported) || supported.some((version) => modernRevisions.includes(String(version)));
}

async function speaksLegacy(parts: ProbeParts): Promise<boolean> {
  const message = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: {
      protocolVersion: legacyRevisions.at(-1),
      capabilities: {},
      clientInfo: { name: 'sealgate', version: parts.version },
    },
  };
  // Older servers do not look at this header, and newer ones want it on every POST (MCP 2026-07-28, Streamable HTTP).
  const { answer, sessionId } = await ask(parts, message, { 'mcp-method': 'initialize' });
  const { result } = answer ?? {};
  const revision = isObject(result) ? result['protocolVersion'] : undefined;
  if (sessionId !== undefined) await end(parts, sessionId);
  return typeof revision === 'string' && legacyRevisions.includes(revision);
}

async function ask(
  parts: ProbeParts,
  message: Values,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly answer: Values | undefined; readonly sessionId: string | undefined }> {
  let answer: Values | undefined;
  let sessionId: string | undefined;
  const stop = new AbortController();
  const slow = new Silence('upstream_timeout', `upstream "${parts.upstream.name}" did not answer in time`);
  const timer = setTimeout(() => stop.abort(slow), parts.limits.startSeconds * 1000);
  const asked = { context: parts.context, method: 'POST' as const, message, headers, signal: stop.signal };
  try {
    await exchange(parts, asked, {
      onHead: (status, { 'mcp-session-id': given }) => {
        if (status < 300 && given !== undefined && /^[\x21-\x7e]{1,1024}$/.test(given)) sessionId = given;
      },
      onMessage: (came) => {
        if (!('method' in came)) answer ??= came;
      },
      onEvent: () => undefined,
    });
  } catch (error) {
    throw stop.signal.aborted ? slow : error;
  } finally {
    clearTimeout(timer);
  }
  return { answer, sessionId };
}

// The session was opened to see whether it can be, and is no use to anybody.
async function end(parts: ProbeParts, sessionId: string): Promise<void> {
  const signal = AbortSignal.timeout(5000);
  const headers = { 'mcp-session-id': sessionId };
  const ending = { context: parts.context, method: 'DELETE' as const, message: undefined, headers, signal };
  const ignore = (): void => undefined;
  await exchange(parts, ending, { onHead: ignore, onMessage: ignore, onEvent: ignore }).catch(ignore);
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
