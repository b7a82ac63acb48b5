import type { Batch } from '../batch.ts';

// A batch as one line of JSON. A line that was cut off is no JSON any more, whatever follows it, so a reader tells what is whole.

/** First line of every such file: nothing is ever appended to a file that begins otherwise. */
export const headerLine = '{"sealgate":"journal, second device","v":1}\n';

interface Written extends Omit<Batch, 'prev' | 'digest' | 'payload'> {
  readonly prev: string;
  readonly digest: string;
  readonly payload: string;
}

/** The line, with its end. Bytes are base64. */
export function lineOf({ n, writer, boot, first, count, prev, digest, payload }: Batch): string {
  const text = (bytes: Uint8Array) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  const written: Written = {
    n,
    writer,
    boot,
    first,
    count,
    prev: text(prev),
    digest: text(digest),
    payload: text(payload),
  };
  return `${JSON.stringify(written)}\n`;
}

/** The batch of a line; `undefined` for a line that was cut off or is something else. */
export function batchOfLine(line: string): Batch | undefined {
  let read: Partial<Written> | null;
  try {
    read = JSON.parse(line) as Partial<Written> | null;
  } catch {
    return undefined;
  }
  const { n, writer, boot, first, count, prev, digest, payload } = read ?? {};
  const numbers = [n, boot, first, count].every((value) => Number.isSafeInteger(value) && value! > 0);
  const texts = [writer, prev, digest, payload].every((value) => typeof value === 'string');
  if (!numbers || !texts) return undefined;
  const bytes = (text: string | undefined) => new Uint8Array(Buffer.from(text!, 'base64'));
  const head = { n: n!, writer: writer!, boot: boot!, first: first!, count: count! };
  return { ...head, prev: bytes(prev), digest: bytes(digest), payload: bytes(payload) };
}
