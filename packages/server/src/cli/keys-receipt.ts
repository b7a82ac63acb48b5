import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { verifyReceipt, type SignedReceipt } from '@sealgate/vault';
import type { Command } from 'commander';
import { refuse } from '../errors.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { exitCode } from './exit-code.ts';
import { askedFor, shreddedText } from './keys-shred.ts';

interface ShowOptions extends CommonOptions {
  readonly tenant?: string;
  readonly person?: string;
}

interface VerifyOptions extends CommonOptions {
  readonly publicKey?: string;
}

const fileBytesMax = 4 * 1024 * 1024;

const help = `
verify needs no gateway and no data directory. Without --public-key it proves that nothing was changed since the receipt was
signed; with it, that it was this deployment who signed. Ask the operator for the key: sealgate keys receipt key.

Examples:
  sealgate keys receipt verify ann.json --public-key sealgate.pem
  sealgate keys receipt show --person 01968c1e-6f0a-7b52-9e53-0d6f6d4f2a11 --json
`;

/** `sealgate keys receipt verify|show|key`. */
export function keysReceipt(keys: Command, context: CommandContext): void {
  const receipt = keys
    .command('receipt')
    .description('receipts of keys that were destroyed')
    .addHelpText('after', help);
  receipt
    .command('verify <file>')
    .description('check a receipt, anywhere')
    .option('--public-key <file>', 'PEM of the key of the deployment that has to have signed it')
    .option('--json', 'print JSON')
    .action((file: string, options: VerifyOptions) => verifyFile(context, file, options));
  receipt
    .command('show')
    .description('print the receipt of a shredding once more')
    .option('--tenant <id>', 'the group, by its id')
    .option('--person <id>', 'the person, by id')
    .option('--json', 'print the signed receipt')
    .action(async (options: ShowOptions) => {
      const asked = askedFor(options);
      const signed = (await administer(context, ({ call }) => call('keys.receipt', asked))) as SignedReceipt;
      show(context, options, signed, () => shreddedText(signed));
    });
  receipt
    .command('key')
    .description('print the public key under which this deployment signs receipts')
    .option('--json', 'print JSON')
    .action(async (options: CommonOptions) => {
      const found = await administer(context, ({ call }) => call('keys.signing-key', {}));
      show(context, options, found, () => (found as { readonly publicKey: string }).publicKey);
    });
}

function verifyFile(context: CommandContext, file: string, options: VerifyOptions): void {
  const { cwd } = context.terminal;
  const key = options.publicKey === undefined ? undefined : textOf(resolve(cwd, options.publicKey));
  const verdict = verifyReceipt(textOf(resolve(cwd, file)), key);
  if (!verdict.genuine) context.exitCode = exitCode.failed;
  show(context, options, verdict, () => {
    if (!verdict.genuine) return `Not genuine: ${verdict.why}\n`;
    const { of, finishedAt, deployment } = verdict.receipt;
    const who = key === undefined ? 'whoever has the key in it' : `the deployment ${deployment}`;
    return `Genuine: signed by ${who}. The ${of.kind} ${of.id} was destroyed by ${finishedAt}\n`;
  });
}

function textOf(path: string): string {
  try {
    const text = readFileSync(path);
    if (text.length <= fileBytesMax) return text.toString('utf8');
  } catch {
    // The same answer as for one that is too large: it is no receipt that can be read.
  }
  throw refuse('usage', `${path} cannot be read`);
}
