import { asking } from '../../../store/sqlite/sqlite-error.ts';
import { rootLog, type LogSecrets, type RootLog, type StatedHead } from '../segments.ts';
import { logRows } from './log-rows.ts';
import { whole, type LogFile } from './schema.ts';

/** What lies in the file of the root log. */
export interface OpenRoot {
  readonly root: RootLog;
  readonly secrets: LogSecrets;
  /** Forget what was stated of the logs of a month that is dropped: it never begins again. */
  forget(month: string): void;
}

/** The root log, and the secrets beside it. Every commit is on the disk when it returns. */
export function openRoot({ db }: LogFile): OpenRoot {
  const logs = logRows(db);
  const stated = db.prepare('SELECT origin, size, root FROM stated WHERE origin = ?');
  const state = db.prepare(
    'INSERT INTO stated VALUES (?, ?, ?) ON CONFLICT (origin) DO UPDATE SET size = ?2, root = ?3',
  );
  const root: RootLog = {
    slices: logs.slices,
    tile: logs.tile,
    async head() {
      const [found] = asking(() => logs.all([rootLog.scope]));
      if (found === undefined) return { size: 0, frontier: [], closed: false, note: undefined, notedSize: 0 };
      const { scope: _, shard: __, ...head } = found;
      return head;
    },
    async stated(origin) {
      const found = asking(() => stated.get(origin));
      return found === undefined ? undefined : ({ ...found } as unknown as StatedHead);
    },
    async publish(step, heads, note) {
      return whole(db, () => {
        const id = logs.move({ ...step, log: rootLog });
        if (id === undefined) return false;
        for (const slice of step.slices) logs.addSlice(id, slice);
        for (const node of step.nodes) logs.addNode(id, node);
        for (const each of heads) state.run(each.origin, each.size, each.root);
        logs.note(rootLog, step.head.size, note);
        return true;
      });
    },
  };
  const forget = db.prepare('DELETE FROM stated WHERE origin GLOB ? OR origin GLOB ? OR origin GLOB ?');
  return {
    root,
    secrets: secretsIn(db),
    forget(month) {
      const last = `*/${month}`;
      asking(() => forget.run(last, `${last}-[0-9]`, `${last}-[0-9][0-9]`));
    },
  };
}

function secretsIn(db: LogFile['db']): LogSecrets {
  const get = db.prepare('SELECT sealed FROM secrets WHERE scope = ?');
  const add = db.prepare('INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING');
  const remove = db.prepare('DELETE FROM secrets WHERE scope = ?');
  return {
    get: async (scope) => asking(() => get.get(scope)?.['sealed'] as Uint8Array | undefined),
    add: async (scope, sealed) => asking(() => void add.run(scope, sealed)),
    remove: async (scope) => asking(() => void remove.run(scope)),
  };
}
