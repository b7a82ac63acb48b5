import { randomUUID } from 'node:crypto';
import { ProtocolError } from '@modelcontextprotocol/client';
import { refuse } from '../../errors.ts';
import type { Asked, Notice, Values } from './target.ts';

// Questions of an upstream to the client of one session: sampling, elicitation, roots. Only what the client declared is
// asked, and only the session that was asked can answer: the pending questions are its own.

/** A request on its way to the client. */
export interface Question {
  readonly id: string;
  readonly method: string;
  readonly params: Values | undefined;
}

/** The questions of one session. */
export interface Asks {
  /** @throws ProtocolError the client's own error, -32601 for what it did not declare; Refusal `overloaded`; an `AbortError` */
  ask(asked: Asked): Promise<Values>;
  /** Take a response of the client; one that nobody waits for is dropped. */
  answer(response: Values): void;
  /** Send the questions that found no listener; somebody listens now. */
  deliver(): void;
  /** Whether any is open. */
  pending(): number;
  /** Give up all of them. */
  close(): void;
}

/** How questions reach the client. */
export interface AsksParts {
  /** What the client declared. */
  readonly capabilities: Values;
  readonly askSeconds: number;
  readonly asksMax: number;
  /** `false`: nobody listens now. */
  send(question: Question): boolean;
  /** Tell the client that a question it was sent is no longer open. */
  notify(notice: Notice): void;
}

interface Pending {
  readonly question: Question;
  sent: boolean;
  settle(outcome: { readonly result: Values } | { readonly error: unknown }): void;
}

/** Nothing is asked yet. */
export function openAsks(parts: AsksParts): Asks {
  const open = new Map<string, Pending>();
  return {
    async ask(asked) {
      if (!isDeclared(parts.capabilities, asked))
        throw new ProtocolError(-32601, `the client did not declare what ${asked.method} needs`);
      asked.signal.throwIfAborted();
      if (open.size >= parts.asksMax)
        throw refuse('overloaded', 'too many questions to this client are open');
      return wait(parts, open, asked);
    },
    answer(response) {
      const pending = open.get(String(response['id']));
      if (pending === undefined || !pending.sent) return;
      const { error, result } = response as { error?: Values; result?: Values };
      if (error === undefined) pending.settle({ result: result ?? {} });
      else
        pending.settle({ error: new ProtocolError(codeOf(error), String(error['message']), error['data']) });
    },
    deliver() {
      for (const pending of open.values()) if (!pending.sent) pending.sent = parts.send(pending.question);
    },
    pending: () => open.size,
    close() {
      const error = new DOMException('the session of the client that was asked has ended', 'AbortError');
      for (const pending of open.values()) pending.settle({ error });
    },
  };
}

function wait(
  parts: AsksParts,
  open: Map<string, Pending>,
  { method, params, signal }: Asked,
): Promise<Values> {
  const id = randomUUID();
  return new Promise((resolve, reject) => {
    const withdraw = (reason: string, error: unknown): void => {
      if (open.get(id)?.sent === true)
        parts.notify({ method: 'notifications/cancelled', params: { requestId: id, reason } });
      pending.settle({ error });
    };
    const abort = (): void =>
      withdraw('nobody waits for the answer', new DOMException('the question was withdrawn', 'AbortError'));
    const timer = setTimeout(
      () =>
        withdraw('the answer took too long', new ProtocolError(-32603, 'the client did not answer in time')),
      parts.askSeconds * 1000,
    ).unref();
    const pending: Pending = {
      question: { id, method, params },
      sent: false,
      settle(outcome) {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        open.delete(id);
        if ('result' in outcome) resolve(outcome.result);
        else reject(outcome.error);
      },
    };
    open.set(id, pending);
    signal.addEventListener('abort', abort, { once: true });
    pending.sent = parts.send(pending.question);
  });
}

function codeOf(error: Values): number {
  return Number.isInteger(error['code']) ? Number(error['code']) : -32603;
}

// MCP 2025-11-25: an empty `elicitation` means forms; URLs and tools in sampling are declared by name.
function isDeclared(capabilities: Values, { method, params }: Asked): boolean {
  const [sampling, elicitation] = [fieldOf(capabilities, 'sampling'), fieldOf(capabilities, 'elicitation')];
  if (method === 'roots/list') return fieldOf(capabilities, 'roots') !== undefined;
  if (method === 'sampling/createMessage')
    return (
      sampling !== undefined &&
      ((params?.['tools'] === undefined && params?.['toolChoice'] === undefined) || 'tools' in sampling)
    );
  if (method === 'elicitation/create') {
    if (elicitation === undefined) return false;
    return params?.['mode'] === 'url'
      ? 'url' in elicitation
      : 'form' in elicitation || !('url' in elicitation);
  }
  return method.startsWith('tasks/') && fieldOf(capabilities, 'tasks') !== undefined;
}

function fieldOf(value: Values, name: string): Values | undefined {
  const field = value[name];
  return typeof field === 'object' && field !== null ? (field as Values) : undefined;
}
