import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/client';

// Tasks of the 2025-11-25 revision live in the child, which does not know that several people share it. A task belongs
// to the person whose call made it: others can neither see, read nor cancel it.
const tasksMax = 10_000;

type Values = Readonly<Record<string, unknown>>;

/** Whose task is whose, in one child. */
export interface Tasks {
  /** Note the task that a result announces, if any. */
  note(subject: string, result: unknown): void;
  /** @throws ProtocolError -32602 when the request names a task of somebody else */
  check(subject: string, method: string, params: Values | undefined): void;
  /** The result without other people's tasks. */
  filter(subject: string, method: string, result: unknown): unknown;
  /** Whether a notification is about a task of somebody else. */
  hides(subject: string, params: Values | undefined): boolean;
}

/** Nothing is anybody's yet. Past 10,000 tasks the oldest is forgotten, and is then out of everybody's reach. */
export function openTasks(): Tasks {
  const owners = new Map<string, string>();
  let forgotten = false;
  // An id that no call was ever given is the child's to refuse, in its own words.
  const hidden = (subject: string, taskId: unknown): boolean =>
    (owners.get(String(taskId)) ?? (forgotten ? undefined : subject)) !== subject;
  return {
    note(subject, result) {
      const taskId = fieldOf(fieldOf(result, 'task'), 'taskId');
      if (typeof taskId !== 'string' || owners.has(taskId)) return;
      owners.set(taskId, subject);
      if (owners.size <= tasksMax) return;
      owners.delete(owners.keys().next().value!);
      forgotten = true;
    },
    check(subject, method, params) {
      if (!method.startsWith('tasks/') || method === 'tasks/list' || !hidden(subject, params?.['taskId']))
        return;
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Failed to retrieve task: Task not found');
    },
    filter(subject, method, result) {
      const tasks = fieldOf(result, 'tasks');
      if (method !== 'tasks/list' || !Array.isArray(tasks)) return result;
      return {
        ...(result as Values),
        tasks: tasks.filter((task) => owners.get(String(fieldOf(task, 'taskId'))) === subject),
      };
    },
    hides: (subject, params) =>
      params !== undefined && 'taskId' in params && owners.get(String(params['taskId'])) !== subject,
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Values)[name] : undefined;
}
