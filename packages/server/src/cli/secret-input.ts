import { refuse } from '../errors.ts';
import type { Terminal } from './terminal.ts';

// A secret comes from a prompt that does not show it, or from standard input. Never from an argument: arguments stand in
// the process list and in the shell's history.

const secretBytesMax = 8192;

/**
 * Ask for a secret at a terminal, or read all of standard input when it is none (or when told to). One line break at the
 * end of standard input is not part of it.
 *
 * @throws Refusal `usage` when it is empty, too long or interrupted
 */
export async function readSecret(terminal: Terminal, prompt: string, fromStdin: boolean): Promise<string> {
  const asked = terminal.stdin.isTTY === true && !fromStdin;
  const secret = asked ? await ask(terminal, prompt) : (await drain(terminal)).replace(/\r?\n$/, '');
  if (secret === '')
    throw refuse(
      'usage',
      'the secret is empty; type it at the prompt or pipe it in: printf %s "$SECRET" | sealgate connections set <upstream>',
    );
  return secret;
}

async function drain({ stdin }: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > secretBytesMax + 2) throw tooLong();
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const controlC = '\u0003';
const controlD = '\u0004';
const controlU = '\u0015';

function ask({ stdin, stderr }: Terminal, prompt: string): Promise<string> {
  stderr.write(prompt);
  stdin.setRawMode?.(true);
  stdin.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    let typed = '';
    const end = (settle: () => void): void => {
      stdin.off('data', take).pause();
      stdin.setRawMode?.(false);
      stderr.write('\n');
      settle();
    };
    const take = (text: string): void => {
      for (const character of withoutPasteMarks(text)) {
        if (character === '\r' || character === '\n' || character === controlD)
          return end(() => resolve(typed));
        if (character === controlC)
          return end(() => reject(refuse('usage', 'interrupted; nothing was changed')));
        if (character === controlU) typed = '';
        else if (character === '\u007f' || character === '\b')
          typed = Array.from(typed).slice(0, -1).join('');
        else typed += character;
        if (Buffer.byteLength(typed) > secretBytesMax) return end(() => reject(tooLong()));
      }
    };
    stdin.on('data', take).resume();
  });
}

// A terminal that marks what is pasted (bracketed paste) puts it between these two.
function withoutPasteMarks(text: string): string {
  return text.replaceAll('\u001b[200~', '').replaceAll('\u001b[201~', '');
}

function tooLong() {
  return refuse('usage', `the secret is longer than ${secretBytesMax} bytes`);
}
