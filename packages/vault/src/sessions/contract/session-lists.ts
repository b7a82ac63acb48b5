import assert from 'node:assert/strict';
import { newId, onSessions, sessionWith, type AskedStore, type SessionStoreCase } from './session-case.ts';

async function three(store: AskedStore): Promise<readonly string[]> {
  const ids = [newId(), newId(), newId()];
  for (const [n, id] of ids.entries()) await store.set(id, sessionWith({ n }));
  return ids;
}

/** The calls over all sessions. The contract of express-session leaves them to the store. */
export const sessionListCases: readonly SessionStoreCase[] = [
  onSessions('all gives every living session', async (store) => {
    const [gone = ''] = await three(store);
    await store.destroy(gone);
    const found = await store.all();
    assert.deepEqual(
      found.map((session) => (session as { n: number }).n).toSorted((a, b) => a - b),
      [1, 2],
    );
  }),
  onSessions('length counts the living', async (store) => {
    assert.equal(await store.length(), 0);
    const [gone = ''] = await three(store);
    await store.destroy(gone);
    assert.equal(await store.length(), 2);
  }),
  onSessions('clear ends every session', async (store) => {
    const ids = await three(store);
    await store.clear();
    assert.equal(await store.length(), 0);
    for (const id of ids) assert.equal(await store.get(id), undefined);
  }),
];
