import { request, type IncomingMessage } from 'node:http';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import type { AdminAnswer } from '../domain/admin-answers.ts';
import { adminSocketPath } from '../domain/admin-socket.ts';
import { refuse } from '../errors.ts';

// A command is carried out by the gateway that runs on the data directory, over its socket; when none runs, by this
// process, which then holds the data directory itself for as long as the command takes.

/** Administration of one data directory. What an operation gives piece by piece is an async iterable, to be taken once. */
export interface Administration {
  call(operation: string, input: unknown): Promise<unknown>;
}

/** Opens the data directory in this process. @throws Refusal `data_directory_in_use` and whatever opening throws */
export type OpenHere = (config: AppConfig) => Promise<Administration & { close(): Promise<void> }>;

const attemptsMax = 10;

/**
 * Carry something out on the data directory, wherever that can be done.
 *
 * @throws Refusal `gateway_unreachable` when the gateway went away, `data_directory_in_use` when one runs and does not
 *   listen; those of the operation and of opening
 */
export async function withAdministration<T>(
  config: AppConfig,
  cwd: string,
  openHere: OpenHere,
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  const path = adminSocketPath(config.dataDirectory, cwd);
  for (let attempt = 1; ; attempt += 1) {
    if (await answers(path)) return work({ call: (operation, input) => callOver(path, operation, input) });
    try {
      const here = await openHere(config);
      return await work(here).finally(() => here.close());
    } catch (error) {
      // A gateway that is just starting holds the directory before it listens.
      const starting =
        error instanceof Refusal && error.code === 'data_directory_in_use' && attempt < attemptsMax;
      if (!starting) throw error;
      await sleep(200);
    }
  }
}

/** The running gateway alone. @throws Refusal `gateway_unreachable` when there is none */
export async function runningGateway(config: AppConfig, cwd: string): Promise<Administration> {
  const path = adminSocketPath(config.dataDirectory, cwd);
  if (!(await answers(path)))
    throw refuse(
      'gateway_unreachable',
      `no gateway runs on ${config.dataDirectory}; start one: sealgate start`,
    );
  return { call: (operation, input) => callOver(path, operation, input) };
}

async function answers(path: string): Promise<boolean> {
  try {
    await textOf(await ask(path, 'status', '{}'));
    return true;
  } catch {
    return false;
  }
}

async function callOver(path: string, operation: string, input: unknown): Promise<unknown> {
  const response = await ask(path, operation, JSON.stringify(input)).catch(wentAway);
  if (response.headers['content-type'] === 'application/x-ndjson') return piecesOf(response);
  return resultOf(await textOf(response).catch(wentAway));
}

function ask(socketPath: string, operation: string, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const asked = request({ socketPath, path: `/${operation}`, method: 'POST', headers }, resolve);
    asked.once('error', reject).end(body);
  });
}

/** Pieces as they come. Whoever takes no more of them hangs up. */
async function* piecesOf(response: IncomingMessage): AsyncGenerator<unknown> {
  let last: string | undefined;
  try {
    for await (const line of linesOf(response.setEncoding('utf8'))) {
      last = line;
      const said = JSON.parse(line) as { readonly piece?: unknown };
      if ('piece' in said) yield said.piece;
    }
  } catch (error) {
    wentAway(error);
  } finally {
    response.destroy();
  }
  const answer = last === undefined ? undefined : (JSON.parse(last) as object);
  if (answer === undefined || !('ok' in answer)) wentAway('the last piece is missing');
  resultOf(last!);
}

/** Whole lines. What follows the last line break was cut off, and is none. */
async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let begun: string[] = [];
  for await (const chunk of chunks) {
    const [first = '', ...others] = chunk.split('\n');
    begun.push(first);
    for (const next of others) {
      yield begun.join('');
      begun = [next];
    }
  }
}

function resultOf(text: string): unknown {
  const answer = JSON.parse(text) as AdminAnswer;
  if (answer.ok) return answer.result;
  throw new Refusal(answer.error.code, answer.error.message);
}

function wentAway(error: unknown): never {
  throw refuse(
    'gateway_unreachable',
    'the gateway went away before it answered; ask again what became of it',
    String(error),
    error,
  );
}
