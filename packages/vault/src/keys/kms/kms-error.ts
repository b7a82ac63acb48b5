import { Refusal, refuse } from '../../refusal.ts';
import { openFailed } from '../../seal/gcm.ts';

// What KMS and its SDK say, in our words. Their messages name keys, roles and accounts; they go to the log only. Only an
// answer about the ciphertext itself says something of the ciphertext; everything else is the key that cannot be had.

const messages: Readonly<Record<string, string>> = {
  AbortError: 'the key service does not answer in time',
  AccessDeniedException: 'the key service denies access to the root key',
  CredentialsProviderError: 'there are no AWS credentials for the key service',
  DisabledException: 'the root key is disabled at the key service',
  ExpiredTokenException: 'the AWS credentials for the key service have expired',
  InvalidKeyUsageException: 'the root key is not one for symmetric encryption',
  InvalidSignatureException: 'the key service does not accept the AWS credentials',
  KMSInvalidStateException:
    'the root key is about to be deleted, or in another state in which it does nothing',
  LimitExceededException: 'the key service is overloaded',
  MalformedPolicyDocumentException:
    'the key service refuses the policy of the key: is the role it names there?',
  NotFoundException: 'the root key is not there at the key service',
  ThrottlingException: 'the key service is overloaded',
  TimeoutError: 'the key service does not answer in time',
  UnrecognizedClientException: 'the key service does not accept the AWS credentials',
};

/**
 * An error of KMS, its SDK or the network as a refusal; refusals as they are.
 *
 * @returns `open_failed` when ciphertext, context and key do not belong together, else `key_unavailable`
 */
export function kmsRefusal(error: unknown): unknown {
  if (error instanceof Refusal || !(error instanceof Error)) return error;
  if (isAboutCiphertext(error)) return openFailed(`KMS ${error.name}`);
  // Not as its cause: an error of the SDK carries the whole answer, and a log would print it.
  return refuse(
    'key_unavailable',
    messages[error.name] ??
      (isRefused(error) ? 'the key service refuses the request' : 'the key service does not answer'),
    `KMS ${error.name}: ${error.message}`,
  );
}

/** Whether KMS says that there is no such key or alias. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && error.name === 'NotFoundException';
}

function isAboutCiphertext({ name, message }: Error): boolean {
  if (name === 'InvalidCiphertextException' || name === 'IncorrectKeyException') return true;
  // A ciphertext that was changed where it names its key: KMS does not say whether there is such a key.
  return name === 'AccessDeniedException' && message.startsWith('The ciphertext refers to');
}

function isRefused(error: Error): boolean {
  return '$fault' in error && error.$fault === 'client';
}
