import type { Stream } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Log } from '../../log.ts';
import type { Scrub } from '../link/scrub-message.ts';

// A child's standard error goes to the log line by line. A child that floods it is cut, not followed: at most 50 lines a
// second of at most 1,000 characters, and one line that says how many were left out. Only whole lines are searched for the
// credential, so a line that gets too long is left out as a whole.
const lineCharactersMax = 1000;
const linesPerSecond = 50;

/** Follow a child's standard error. `last` is the end of what it said, for the detail of a failed start. */
export function logLines(
  stream: Stream | null,
  upstream: string,
  log: Log,
  scrub: Scrub,
): { last(): string } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let skipping = false;
  let last = '';
  let budget = linesPerSecond;
  let omitted = 0;
  let second = 0;
  const line = (text: string): void => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) {
      if (omitted > 0) log.warn({ upstream, omitted }, 'the child wrote more lines than are logged');
      [second, budget, omitted] = [now, linesPerSecond, 0];
    }
    last = scrub(text).slice(0, lineCharactersMax);
    if (budget > 0) log.info({ upstream, line: last }, 'child');
    else omitted += 1;
    budget -= 1;
  };
  stream?.on('data', (chunk: Buffer) => {
    const parts = (rest + decoder.write(chunk)).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      if (!skipping && part.trim() !== '') line(part.trimEnd());
      skipping = false;
    }
    if (rest.length <= 16 * lineCharactersMax) return;
    if (!skipping) omitted += 1;
    rest = '';
    skipping = true;
  });
  return {
    last: () => (skipping || rest.trim() === '' ? last : scrub(rest.trim()).slice(0, lineCharactersMax)),
  };
}
