// Reads HTTP/1.1 answers off a keep-alive socket: just enough of it to check every answer without costing much.

/** One whole answer. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

const headEnd = Buffer.from('\r\n\r\n');

/** The answers of one connection, one at a time. */
export interface HttpReader {
  /**
   * Take in bytes.
   *
   * @returns the answer when these bytes complete it
   * @throws Error when it is not HTTP/1.1, or when bytes follow the answer
   */
  push(chunk: Buffer): HttpAnswer | undefined;
}

/** A reader for a connection that has one request under way at most. */
export function httpReader(): HttpReader {
  let pending: Buffer = Buffer.alloc(0);
  return {
    push(chunk) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const headLength = pending.indexOf(headEnd);
      if (headLength < 0) return undefined;
      const head = pending.toString('latin1', 0, headLength);
      if (!head.startsWith('HTTP/1.1 ')) throw new Error(`not HTTP/1.1: ${head.slice(0, 40)}`);
      const rest = pending.subarray(headLength + 4);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      const body = length === undefined ? chunkedBody(rest) : exactBody(rest, Number(length));
      if (body === undefined) return undefined;
      pending = Buffer.alloc(0);
      return { status: Number(head.slice(9, 12)), body };
    },
  };
}

function exactBody(rest: Buffer, length: number): Buffer | undefined {
  if (rest.length > length) throw new Error(`${rest.length - length} bytes after the answer`);
  return rest.length === length ? rest : undefined;
}

function chunkedBody(rest: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(rest.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) throw new Error('a chunk without a size');
    const next = lineEnd + 2 + size + 2;
    if (rest.length < next) return undefined;
    if (size === 0) {
      if (rest.length > next) throw new Error('bytes after the last chunk');
      return Buffer.concat(parts);
    }
    parts.push(rest.subarray(lineEnd + 2, next - 2));
    at = next;
  }
}
