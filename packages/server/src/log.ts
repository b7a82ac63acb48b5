import { pino, type Logger } from 'pino';

/** Structured log lines. Rooms are handed one; nobody writes to the console but the command line. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

// Two nets under the rule that no secret is ever logged: fields that usually hold one are blotted out by name, and
// whatever looks like a token is blotted out of the finished line.
const secretFields = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'apiKey',
  'api_key',
  'credential',
  'master_key',
];
const tokenShapes =
  /\b(?:sg[a-z]_[A-Za-z0-9_-]{16,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|gh[pousr]_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9_-]{16,}|AKIA[A-Z0-9]{16})|\b(Bearer|Basic) [A-Za-z0-9+/._~=-]{8,}/g;

/**
 * A JSON log on standard error: standard output belongs to what a command prints.
 *
 * @param destination where lines go; standard error when not given
 */
export function openLog(
  level: 'debug' | 'info' | 'warn' | 'error',
  destination?: { write(line: string): void },
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: secretFields.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: '[sealed]',
      },
      hooks: { streamWrite: (line) => blotTokens(line) },
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

/** The text with everything that looks like a token blotted out. */
export function blotTokens(text: string): string {
  return text.replaceAll(tokenShapes, (_, scheme: string | undefined) =>
    scheme === undefined ? '[sealed]' : `${scheme} [sealed]`,
  );
}
