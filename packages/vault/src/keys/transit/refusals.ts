import { refuse, type Refusal } from '../../refusal.ts';
import { openFailed } from '../../seal/gcm.ts';
import type { Answer } from './exchange.ts';

// What the answers of Vault and OpenBao mean. Only what is plainly said of the wrapped key itself is `open_failed`;
// everything else (sealed, standby, too many requests, permission denied, a key that is gone) is the service's fault.

const saidMax = 200;
/** Of decrypt and rewrap, with status 400; the second is what newer versions say for a foreign context. */
const foreignCipher = /^(?:invalid ciphertext|cipher: message authentication failed|no such key version)/u;
const withdrawnVersion = /disallowed by policy \(too old\)/u;

/** The refusal when there is no whole answer. */
export function notReached(detail: string, cause?: unknown): Refusal {
  return refuse('key_unavailable', 'the key service (Vault) cannot be reached; try again', detail, cause);
}

/** The refusal of an answer that is none of this API. */
export function notUnderstood(what: string): Refusal {
  return refuse(
    'key_unavailable',
    'the key service (Vault) gave an answer that is not one of the transit engine; check VAULT_ADDR',
    what,
  );
}

/**
 * The refusal that an answer of the transit engine stands for.
 *
 * @param what was asked, for the log
 */
export function refusalOf({ status, body }: Answer, what: string): Refusal {
  const said = wordsOf(body);
  const detail = `${what}: ${status}${said === '' ? '' : ` ${said}`}`;
  if (status === 400 && foreignCipher.test(said)) return openFailed(detail);
  return refuse('key_unavailable', `the key service (Vault) ${reason(status, said)}`, detail);
}

/** The refusal of a log-in or a renewal. Never with the server's words: it can quote the secret id. */
export function refusedLogIn(what: string, { status }: Answer): Refusal {
  const wrong = status === 400 || status === 403 || status === 404;
  const message = wrong
    ? 'the key service (Vault) does not accept the log-in; check VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID, and VAULT_NAMESPACE'
    : `the key service (Vault) ${reason(status, '')}`;
  return refuse('key_unavailable', message, `${what}: ${status}`);
}

function reason(status: number, said: string): string {
  if (status === 403) return 'does not permit this; check the policy of the token, the key and the namespace';
  if (status === 404) return 'has no such transit engine or key; check its mount and the name of the key';
  if (status === 429) return 'is asked too often; try again';
  if (status >= 300 && status < 400)
    return 'is a standby that points elsewhere; set VAULT_ADDR to the active node or its load balancer';
  if (withdrawnVersion.test(said))
    return 'no longer opens this version of the key; lower its min_decryption_version';
  if (said === 'encryption key not found') return 'has no such key; check its name, or restore it';
  if (status >= 500 || status === 412 || status === 472 || status === 473)
    return 'is sealed, a standby or down; try again';
  return 'refused the request';
}

function wordsOf(body: Answer['body']): string {
  const errors = body?.['errors'];
  if (!Array.isArray(errors)) return '';
  const said = errors.filter((each) => typeof each === 'string').join('; ');
  return said.replaceAll(/[^\x20-\x7e]+/gu, ' ').slice(0, saidMax);
}
