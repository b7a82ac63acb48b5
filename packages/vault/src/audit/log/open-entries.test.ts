import assert from 'node:assert/strict';
import { test } from 'vitest';
import { keySubjects } from '../../keys/key-subjects.ts';
import type { CallFilter } from '../calls.ts';
import { onHistory, type Happening } from './fixtures/history.ts';
import { sealedCalls } from './sealed-calls.ts';

const begin = (kind: number, actor: number): Happening => ({ of: 'begin', tenant: 0, kind, actor });
const end = (how: number): Happening => ({ of: 'end', which: 0, how });

test('what an entry says of a person is opened where the entry is given, and nowhere else', async () => {
  const happenings = [0, 0, 0, 2].flatMap((how) => [begin(0, 0), end(how)]);
  await onHistory([...happenings, { of: 'seal' }], async ({ stage }) => {
    const { tables, segments, journal, log } = stage;
    let persons = 0;
    const sealer: Pick<typeof stage.sealer, 'open'> = {
      open: (kind, ...rest) => {
        if (kind === 'audit_person') persons += 1;
        return stage.sealer.open(kind, ...rest);
      },
    };
    const subjects = keySubjects(tables, 'audit_person');
    const { keyring, seams } = log;
    const calls = sealedCalls({ segments, sealer, journal, keyring, subjects, seams });
    const opened = async (filter: CallFilter): Promise<readonly [given: number, persons: number]> => {
      let given = 0;
      persons = 0;
      for await (const page of calls.newest(filter)) given += page.length;
      return [given, persons];
    };
    assert.deepEqual(await opened({}), [4, 4]);
    assert.deepEqual(await opened({ msMin: 5 }), [1, 1]);
    assert.deepEqual(await opened({ params: [{ names: ['city'], values: ['Bonn'] }] }), [0, 0]);
    assert.deepEqual(await opened({ actor: 'u0', msMin: 3 }), [1, 1]);
  });
});
