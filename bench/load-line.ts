import { connect } from 'node:net';
import { httpReader, type HttpAnswer } from './http-reader.ts';

/** A call that was sent, and what came back: an answer, or why there was none. */
export interface Heard {
  readonly id: number;
  /** When the call was due, in milliseconds of `performance.now()`. */
  readonly dueMs: number;
  readonly answer: HttpAnswer | Error;
}

/** One keep-alive connection with one call under way at most. */
export interface Line {
  send(id: number, dueMs: number): void;
  readonly free: boolean;
  close(): void;
}

/** Connect. `heard` is told of every call that was sent, once. */
export async function openLine(
  url: URL,
  request: (id: number) => string,
  heard: (heard: Heard, line: Line) => void,
): Promise<Line> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  const reader = httpReader();
  let sent: { id: number; dueMs: number } | undefined;
  let closed = false;
  const line: Line = {
    send(id, dueMs) {
      sent = { id, dueMs };
      socket.write(request(id));
    },
    get free() {
      return sent === undefined && !closed;
    },
    close() {
      closed = true;
      socket.destroy();
    },
  };
  const tell = (answer: HttpAnswer | Error): void => {
    if (sent === undefined) return;
    const about = sent;
    sent = undefined;
    heard({ ...about, answer }, line);
  };
  const fail = (error: Error): void => {
    line.close();
    tell(error);
  };
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve).once('error', reject);
  });
  socket.on('error', fail).on('close', () => fail(new Error('the connection was closed')));
  socket.on('data', (chunk: Buffer) => {
    try {
      const answer = reader.push(chunk);
      if (answer !== undefined) tell(answer);
    } catch (error) {
      fail(error as Error);
    }
  });
  return line;
}
