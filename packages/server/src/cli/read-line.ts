import { createInterface } from 'node:readline';
import { refuse } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/**
 * Ask for a line that may be seen.
 *
 * @throws Refusal `usage` when the input ends before there is one
 */
export function readLine({ stdin, stderr }: Terminal, prompt: string): Promise<string> {
  stderr.write(prompt);
  const lines = createInterface({ input: stdin, terminal: false });
  return new Promise((answer, reject) => {
    lines.once('line', (line) => {
      answer(line);
      lines.close();
    });
    lines.once('close', () => reject(refuse('usage', 'nothing was typed; nothing was changed')));
  });
}
