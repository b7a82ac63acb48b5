import { percentile } from './bars.ts';
import type { HttpAnswer } from './http-reader.ts';
import { openLine, type Line } from './load-line.ts';
import { requestOf, type Target } from './tool-call.ts';

// Calls the tool `echo` over keep-alive sockets, without an HTTP library, and checks every answer: status, id and length.
// A wrong answer is counted and never timed, so an upstream that lies cannot look fast.

/** How to call it. */
export interface LoadShape {
  readonly connections: number;
  /** Length of the text that is echoed. */
  readonly payloadBytes: number;
  readonly durationMs: number;
  /**
   * Open loop: calls arrive at this rate whatever comes back, and wait for a free connection on the clock. Not given:
   * closed loop, each connection calls again once it is answered.
   */
  readonly ratePerSecond?: number;
}

/** What was measured. */
export interface Loaded {
  /** Right answers. */
  readonly answered: number;
  readonly wrong: number;
  /** The first wrong answer, for people. */
  readonly firstWrong: string | undefined;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

const firstId = 1_000_000;

/** What is wrong with an answer; `undefined` when nothing is. */
function faultOf(answer: HttpAnswer | Error, id: number, expectedBytes: number): string | undefined {
  if (answer instanceof Error) return answer.message;
  const { status, body } = answer;
  const shown = body.toString('utf8', 0, 200);
  if (status !== 200) return `status ${status}: ${shown}`;
  if (!body.includes(`"id":${id}`)) return `not the answer to ${id}: ${shown}`;
  const bytes = messageBytes(body);
  return bytes === expectedBytes ? undefined : `${bytes} bytes instead of ${expectedBytes}: ${shown}`;
}

/** Length of the JSON-RPC message. Around one in an event stream stand ids whose lengths differ. */
function messageBytes(body: Buffer): number {
  return body.lastIndexOf('}') + 1 - body.indexOf('{');
}

/** Call once and look at all of the answer. Gives the length that every further answer must have. */
async function firstAnswer(target: Target, text: string): Promise<number> {
  const answer = await new Promise<HttpAnswer | Error>((resolve, reject) => {
    const heard = (about: { answer: HttpAnswer | Error }, line: Line): void => {
      line.close();
      resolve(about.answer);
    };
    openLine(new URL(target.url), requestOf(target, text), heard).then(
      (line) => line.send(firstId, 0),
      reject,
    );
  });
  if (answer instanceof Error) throw answer;
  const body = answer.body.toString();
  if (answer.status !== 200 || !body.includes(`${text}"`))
    throw new Error(`${target.url} does not echo: ${answer.status} ${body.slice(0, 300)}`);
  return messageBytes(answer.body);
}

/** Sends until the time is up and every call is heard of. */
function drive(lines: readonly Line[], shape: LoadShape, send: (line: Line, dueMs: number) => void) {
  const startMs = performance.now();
  const waiting: number[] = [];
  let due = 0;
  const over = (): boolean => performance.now() - startMs >= shape.durationMs;
  const arrivals = (): void => {
    const nowMs = performance.now();
    const until = Math.floor(
      (Math.min(nowMs - startMs, shape.durationMs) / 1000) * (shape.ratePerSecond ?? 0),
    );
    for (; due < until; due += 1) waiting.push(nowMs);
    for (const line of lines) if (line.free && waiting.length > 0) send(line, waiting.shift() ?? nowMs);
  };
  return {
    next(line: Line): void {
      if (!line.free) return;
      const dueMs = shape.ratePerSecond === undefined ? performance.now() : waiting.shift();
      if (dueMs !== undefined && (shape.ratePerSecond !== undefined || !over())) send(line, dueMs);
    },
    async finished(): Promise<number> {
      const timer = shape.ratePerSecond === undefined ? undefined : setInterval(arrivals, 1);
      await new Promise((resolve) => setTimeout(resolve, shape.durationMs));
      clearInterval(timer);
      return performance.now() - startMs;
    },
  };
}

/** Call `target` in the given shape. @throws Error when it cannot be reached or does not echo at all */
export async function load(target: Target, shape: LoadShape): Promise<Loaded> {
  const text = 'x'.repeat(shape.payloadBytes);
  const expectedBytes = await firstAnswer(target, text);
  const latenciesUs: number[] = [];
  const faults: string[] = [];
  let id = firstId;
  let underWay = 0;
  let settle: () => void = () => undefined;
  const settled = new Promise<void>((resolve) => (settle = resolve));
  let over = false;
  const request = requestOf(target, text);
  const send = (line: Line, dueMs: number): void => {
    underWay += 1;
    line.send((id += 1), dueMs);
  };
  const lines: Line[] = [];
  for (let count = 0; count < shape.connections; count += 1)
    lines.push(
      await openLine(new URL(target.url), request, (heard, line) => {
        underWay -= 1;
        const fault = faultOf(heard.answer, heard.id, expectedBytes);
        if (fault === undefined) latenciesUs.push((performance.now() - heard.dueMs) * 1000);
        else faults.push(fault);
        if (!over) driver.next(line);
        if (over && underWay === 0) settle();
      }),
    );
  const driver = drive(lines, shape, send);
  if (shape.ratePerSecond === undefined) for (const line of lines) driver.next(line);
  const tookMs = await driver.finished();
  over = true;
  if (underWay > 0) await settled;
  for (const line of lines) line.close();
  return {
    answered: latenciesUs.length,
    wrong: faults.length,
    firstWrong: faults[0],
    perSecond: (latenciesUs.length / tookMs) * 1000,
    p50Us: percentile(latenciesUs, 0.5),
    p99Us: percentile(latenciesUs, 0.99),
  };
}
