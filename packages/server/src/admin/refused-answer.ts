import { Refusal } from '@sealgate/vault';
import type { AdminAnswer } from '../domain/admin-answers.ts';
import type { Log } from '../log.ts';

/** The answer when an operation threw; what is not a refusal is told to the log alone. */
export function refusedAnswer(error: unknown, log: Log): AdminAnswer {
  if (error instanceof Refusal) {
    log.debug({ code: error.code, detail: error.detail }, 'an administration operation was refused');
    return { ok: false, error: { code: error.code, message: error.message } };
  }
  log.error({ err: error }, 'an administration operation failed');
  return {
    ok: false,
    error: { code: 'internal', message: 'something went wrong; the log of the gateway has it' },
  };
}
