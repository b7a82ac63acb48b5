import { resolve } from 'node:path';
import { Refusal, type ExportFormat } from '@sealgate/vault';
import { logAddress } from '@sealgate/vault/audit-verify';
import { z } from 'zod';
import type { ProvenExportPiece } from '../domain/admin-answers.ts';
import { refuse, serverCodes } from '../errors.ts';
import { askedBy, queryBy, type FilterOptions } from './audit-options.ts';
import { administer, type CommandContext } from './context.ts';
import { parsed, tokenIn } from './log-notes.ts';
import { linesOf } from './stdio-lines.ts';
import { printable } from './terminal.ts';

/** What is exported, and out of which gateway. */
export interface PiecesOptions extends FilterOptions {
  readonly format: ExportFormat | 'log';
  readonly proof: boolean;
  /** Address of a running gateway; `undefined`: the one of this machine, or its data. */
  readonly from?: string;
  readonly tokenFile?: string;
}

/** A page of calls as text, or a file of a thousand entries, and room to spare. */
const pieceBytesMax = 64 * 1024 * 1024;
const refusalBytesMax = 64 * 1024;
/** The longest silence: it may look for long before there is something to tell. All of it takes as long as it takes. */
const silenceMs = 300_000;

const count = z.number().int().min(0);
/** What is printed and was said by whoever is at that address. */
const shownText = z.string().transform((text) => printable(text.slice(0, 1000)));
const pieceForm = z.union([
  z.object({ text: z.string(), reached: z.object({ entry: count, of: count }) }),
  z.object({ path: z.string().max(1024), base64: z.base64() }),
  z.object({ lines: count, entries: count, unproven: count, behind: shownText.optional() }),
]);

/**
 * Have the pieces of an export taken: of this machine's gateway, or as an auditor of the one at an address.
 *
 * @throws Refusal `usage` without a token for that address; `gateway_unreachable` when it does not answer, breaks off, or answers
 *   with something else; what the gateway refuses with, and whatever `take` throws
 */
export async function piecesOf<T>(
  context: CommandContext,
  options: PiecesOptions,
  take: (pieces: AsyncIterable<ProvenExportPiece>) => Promise<T>,
): Promise<T> {
  if (options.from !== undefined) return take(piecesAt(context, options.from, options));
  if (options.tokenFile !== undefined)
    throw refuse('usage', '--token-file is for a gateway at an address (--from)');
  const question = { ...askedBy(options), format: options.format };
  const operation = options.proof ? 'audit.export.proven' : 'audit.export';
  return administer(context, async ({ call }) =>
    take((await call(operation, question)) as AsyncIterable<ProvenExportPiece>),
  );
}

async function* piecesAt(
  { terminal, product }: CommandContext,
  from: string,
  options: PiecesOptions,
): AsyncGenerator<ProvenExportPiece> {
  const { tokenFile, format, proof } = options;
  const token = tokenFile === undefined ? product.auditToken() : tokenIn(resolve(terminal.cwd, tokenFile));
  if (token === undefined)
    throw refuse('usage', 'show the token of an auditor: --token-file, or SEALGATE_AUDIT_TOKEN');
  const query = new URLSearchParams([
    ['format', format],
    ['proof', String(proof)],
  ]);
  for (const [name, value] of queryBy(options)) query.append(name, value);
  const url = `${logAddress(from)}/audit/export?${query.toString()}`;
  const bytes = answerAt(product.fetch, url, token);
  if (proof) return yield* provenPieces(bytes);
  const decoder = new TextDecoder();
  for await (const part of bytes) yield { text: decoder.decode(part, { stream: true }) };
}

async function* provenPieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ProvenExportPiece> {
  let whole = false;
  for await (const line of linesOf(bytes, pieceBytesMax)) {
    const piece = pieceForm.safeParse(parsed(line ?? ''));
    if (!piece.success || whole)
      throw refuse('gateway_unreachable', 'the answer of the gateway is no export with its proof');
    whole = 'lines' in piece.data;
    yield piece.data;
  }
  if (!whole) throw refuse('gateway_unreachable', 'the export broke off before it was whole');
}

/** The answer, as long as something of it comes. */
async function* answerAt(
  fetch: typeof globalThis.fetch,
  url: string,
  token: string,
): AsyncGenerator<Uint8Array> {
  const silence = new AbortController();
  const clock = setTimeout(() => silence.abort(), silenceMs);
  const headers = { authorization: `Bearer ${token}` };
  try {
    const response = await fetch(url, { redirect: 'error', signal: silence.signal, headers });
    if (response.status !== 200) throw await refusalOf(response);
    for await (const part of response.body ?? []) {
      clock.refresh();
      yield part;
      clock.refresh();
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw refuse('gateway_unreachable', 'the gateway does not answer, or broke off', url, error);
  } finally {
    clearTimeout(clock);
  }
}

const refusalForm = z.object({ error: z.object({ code: z.enum(serverCodes), message: shownText }) });

async function refusalOf({ status, body }: Response): Promise<Refusal> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body ?? []) {
    parts.push(part);
    length += part.length;
    if (length > refusalBytesMax) break;
  }
  const said = refusalForm.safeParse(parsed(Buffer.concat(parts).toString('utf8')));
  if (!said.success) return refuse('gateway_unreachable', `the gateway answers with status ${status}`);
  const { code, message } = said.data.error;
  return refuse(code, message);
}
