import { accessSync, constants, existsSync } from 'node:fs';
import { SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import type { Refusal } from '@sealgate/vault';
import type { StdioUpstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';

/**
 * Why a child did not start, in words that say what to change.
 *
 * @param said the end of its standard error, already scrubbed; for the log only
 */
export function notStarted({ name, command, cwd }: StdioUpstream, error: unknown, said: string): Refusal {
  const reason = (error as NodeJS.ErrnoException).code;
  const detail = `${error instanceof Error ? error.message : 'unknown'}${said === '' ? '' : `; its last words: ${said}`}`;
  const say = (text: string) => refuse('upstream_unavailable', `upstream "${name}" ${text}`, detail);
  if (cwd !== undefined && !existsSync(cwd))
    return say(`has a working directory that does not exist: ${cwd}`);
  if (reason === 'ENOENT')
    return say(`has a command that was not found: "${command}"; install it or give its full path`);
  if (reason === 'EACCES' || isForbidden(command))
    return say(`has a command that may not be run: "${command}"; check its permissions`);
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout)
    return say('did not answer in time after its start');
  return say('ended before it answered; run its command by hand, or read its last words in the log');
}

// The SDK reports a file that may not be run as a connection that was closed.
function isForbidden(command: string): boolean {
  if (!command.includes('/') || !existsSync(command)) return false;
  try {
    accessSync(command, constants.X_OK);
    return false;
  } catch {
    return true;
  }
}
