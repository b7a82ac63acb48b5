import type { Notice, Position } from '../front/target.ts';
import type { Catalog } from './catalog.ts';
import type { Claims } from './claims.ts';

// What upstreams announce, made into what one server would announce: a changed list is told once for a burst of changes,
// and a log message says whose it is. An upstream that keeps announcing changes costs two notices a second at most.

const burstMs = 500;
const listNotices = ['tools', 'prompts', 'resources'].map((list) => `notifications/${list}/list_changed`);

/** Takes what upstreams announce to one conversation. */
export interface Notices {
  /** From an upstream of this name. */
  take(upstream: string, notice: Notice, at?: Position): void;
  /** Say that any list may have changed. */
  listsChanged(): void;
  close(): void;
}

/** What they go through. */
export interface NoticeParts {
  readonly tenant: string;
  readonly catalog: Pick<Catalog, 'drop'>;
  readonly claims: Claims;
  readonly hear: (notice: Notice, at?: Position) => void;
}

/** Open the ear of one conversation. */
export function openNotices({ tenant, catalog, claims, hear }: NoticeParts): Notices {
  const quiet = new Map<string, { timer: NodeJS.Timeout; again: boolean }>();
  let closed = false;
  const once = (method: string): void => {
    if (closed) return;
    const burst = quiet.get(method);
    if (burst !== undefined) {
      burst.again = true;
      return;
    }
    hear({ method });
    const timer = setTimeout(() => {
      const { again } = quiet.get(method) ?? { again: false };
      quiet.delete(method);
      if (again) once(method);
    }, burstMs);
    quiet.set(method, { timer: timer.unref(), again: false });
  };
  return {
    take(upstream, notice, at) {
      const { method, params } = notice;
      if (listNotices.includes(method)) {
        catalog.drop(tenant, upstream);
        once(method);
      } else if (method === 'notifications/message')
        hear({ method, params: { ...params, logger: loggerOf(upstream, params) } }, at);
      else if (isTheirs(upstream, notice, claims)) hear(notice, at);
    },
    listsChanged: () => listNotices.forEach(once),
    close() {
      closed = true;
      for (const { timer } of quiet.values()) clearTimeout(timer);
      quiet.clear();
    },
  };
}

function loggerOf(upstream: string, params: Notice['params']): string {
  const logger = params?.['logger'];
  return typeof logger === 'string' && logger !== '' ? `${upstream}/${logger}` : upstream;
}

// A task is told of by the upstream that it runs on and by no other.
function isTheirs(upstream: string, { method, params }: Notice, claims: Claims): boolean {
  const taskId = params?.['taskId'];
  if (!method.startsWith('notifications/tasks/') || typeof taskId !== 'string') return true;
  return (claims.of('task', taskId) ?? upstream) === upstream;
}
