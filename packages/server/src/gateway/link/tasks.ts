import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/client';

// Tasks live in the child, which does not know that several people share it. A task belongs to the person whose call made
// it: others can neither see, read nor cancel it, and none of theirs pushes it out.
const tasksPerPersonMax = 1000;

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

/** Nothing is anybody's yet. Past 1000 tasks of a person their oldest is forgotten, and is then out of everybody's reach. */
export function openTasks(): Tasks {
  const owners = new Map<string, string>();
  const people = new Map<string, Set<string>>();
  let forgotten = false;
  // An id that no call was ever given is the child's to refuse, in its own words.
  const hidden = (subject: string, taskId: unknown): boolean =>
    (owners.get(String(taskId)) ?? (forgotten ? undefined : subject)) !== subject;
  return {
    note(subject, result) {
      const taskId = taskOf(result);
      if (taskId === undefined || owners.has(taskId)) return;
      owners.set(taskId, subject);
      const theirs = people.get(subject) ?? new Set();
      people.set(subject, theirs.add(taskId));
      const [oldest] = theirs;
      if (oldest === undefined || theirs.size <= tasksPerPersonMax) return;
      theirs.delete(oldest);
      owners.delete(oldest);
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

/** The id of a task that a result announces (2025-11-25 `task`; the tasks extension of 2026-07-28). */
export function taskOf(result: unknown): string | undefined {
  const isTask = fieldOf(result, 'resultType') === 'task';
  const id = fieldOf(fieldOf(result, 'task'), 'taskId') ?? (isTask ? fieldOf(result, 'taskId') : undefined);
  return typeof id === 'string' ? id : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Values)[name] : undefined;
}
