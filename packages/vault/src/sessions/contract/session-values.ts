import assert from 'node:assert/strict';
import { newId, onSessions, sessionWith, valuesOf, type SessionStoreCase } from './session-case.ts';

const oddIds = ['*', 'a:b', 'a/../b', '{a}', '__proto__', 'constructor', 'Zoë ✓ 🔑', 'a'.repeat(200)];

/** What is saved is what is read. */
export const sessionValueCases: readonly SessionStoreCase[] = [
  onSessions('a session is read as it was saved', async (store) => {
    const values = { user: { name: 'Zoë "✓" 🔑', roles: ['a', null, 1.5] }, empty: '', no: false, list: [] };
    const id = newId();
    await store.set(id, sessionWith(values));
    const found = await store.get(id);
    assert.deepEqual(valuesOf(found), values);
    assert.equal(found?.cookie['originalMaxAge'], 3_600_000);
    assert.equal(found.cookie['path'], '/');
  }),
  onSessions('the cookie that is read ends when the session does', async (store) => {
    const id = newId();
    const session = sessionWith({ n: 1 });
    await store.set(id, session);
    const { expires } = (await store.get(id))?.cookie ?? {};
    const apartMs = new Date(expires as string).getTime() - (session.cookie['expires'] as Date).getTime();
    assert.ok(Math.abs(apartMs) < 2000, `its end is ${apartMs} ms away`);
  }),
  onSessions('an unknown id has no session, and that is no error', async (store) => {
    assert.equal(await store.get(newId()), undefined);
  }),
  onSessions('a save replaces the whole session', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ a: 1, b: 2 }));
    await store.set(id, sessionWith({ a: 3 }));
    assert.deepEqual(valuesOf(await store.get(id)), { a: 3 });
  }),
  onSessions('of racing saves one is kept whole', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ n: -1, copy: -1 }));
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.set(id, sessionWith({ n, copy: n }))));
    const { n, copy } = (await store.get(id)) ?? sessionWith({});
    assert.ok(typeof n === 'number' && n >= 0);
    assert.equal(n, copy);
  }),
  onSessions('ids with special characters are names like others', async (store) => {
    await store.set(newId(), sessionWith({ n: 0 }));
    for (const id of oddIds) {
      assert.equal(await store.get(id), undefined, `${id} before it was made`);
      await store.set(id, sessionWith({ id }));
      assert.deepEqual(valuesOf(await store.get(id)), { id });
    }
  }),
  onSessions('a session of 100 KB is kept', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ text: 'é'.repeat(50_000) }));
    assert.equal((await store.get(id))?.['text'], 'é'.repeat(50_000));
  }),
  onSessions('a session that has no JSON is an error in the callback', async (store) => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    await assert.rejects(store.set(newId(), sessionWith({ cycle })), TypeError);
  }),
  onSessions('a session without a cookie is kept', async (store) => {
    const id = newId();
    await store.set(id, { n: 1, cookie: {} });
    assert.deepEqual(valuesOf(await store.get(id)), { n: 1 });
  }),
];
