import { isUtf8 } from 'node:buffer';
import { refuse } from '../refusal.ts';
import type { Outgoing } from './loan.ts';
import type { Placement } from './placement.ts';

const secretBytesMax = 8192;
// RFC 9110 §5.5 field values, without obs-text: anything else could split a header.
const fieldValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const fieldName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
const environmentName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const queryName = /^[A-Za-z0-9._~-]{1,64}$/;

// Names that decide how a request is framed or routed: a credential under one of them would be a smuggling tool.
const framing = new Set([
  'connection',
  'content-length',
  'content-type',
  'expect',
  'host',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
// Variables that make a child load or run something else.
const loading = /^(?:PATH|NODE_OPTIONS|LD_.*|DYLD_.*|PYTHONPATH|BASH_ENV|ENV|IFS|SHELL)$/i;

/**
 * Whether this secret can stand at this place.
 *
 * @throws Refusal `credential_invalid`; the message says what is wrong and never quotes the secret
 */
export function checkCredential(secret: Uint8Array, placement: Placement): void {
  if (secret.length === 0) throw invalid('is empty');
  if (secret.length > secretBytesMax) throw invalid(`is longer than ${secretBytesMax} bytes`);
  if (!isUtf8(secret)) throw invalid('is not UTF-8 text');
  if (secret.includes(0)) throw invalid('contains a NUL byte');
  checkName(placement);
  if (placement.in !== 'header') return;
  // A view: a copy would lie in the pool of small buffers, which nobody wipes.
  const text = Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength).toString('utf8');
  if (placement.scheme === 'basic') {
    if (!/^[^:]+:/.test(text))
      throw invalid('for basic authentication must have the form name:password (RFC 7617 §2)');
  } else if (!fieldValue.test(text)) throw invalid('contains characters that a header cannot carry');
}

function checkName(placement: Placement): void {
  const { name } = placement;
  if (placement.in === 'header' && (!fieldName.test(name) || framing.has(name.toLowerCase())))
    throw refuse('credential_invalid', `"${name}" cannot be the header of a credential`);
  if (placement.in === 'query' && !queryName.test(name))
    throw refuse('credential_invalid', `"${name}" cannot be the query value of a credential`);
  if (placement.in === 'env' && (!environmentName.test(name) || loading.test(name)))
    throw refuse('credential_invalid', `"${name}" cannot be the environment variable of a credential`);
}

function invalid(what: string) {
  return refuse('credential_invalid', `the credential ${what}`);
}

/** The request with the secret at its place. The secret becomes text here, which lives until it is collected. */
export function inject(outgoing: Outgoing, placement: Placement, secret: Buffer): Outgoing {
  if (placement.in === 'header')
    return {
      ...outgoing,
      headers: { ...outgoing.headers, [placement.name.toLowerCase()]: headerValue(placement.scheme, secret) },
    };
  if (placement.in === 'query') {
    const pair = `${placement.name}=${encodeURIComponent(secret.toString('utf8'))}`;
    return { ...outgoing, path: `${outgoing.path}${outgoing.path.includes('?') ? '&' : '?'}${pair}` };
  }
  throw refuse('credential_misdirected', 'a credential for a child process is never sent over HTTP');
}

function headerValue(scheme: 'bearer' | 'basic' | 'plain', secret: Buffer): string {
  if (scheme === 'bearer') return `Bearer ${secret.toString('utf8')}`;
  if (scheme === 'basic') return `Basic ${secret.toString('base64')}`;
  return secret.toString('utf8');
}
