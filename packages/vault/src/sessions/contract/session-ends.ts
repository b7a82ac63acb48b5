import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { newId, onSessions, sessionWith, valuesOf, type SessionStoreCase } from './session-case.ts';

/** Sessions end, live longer when they are touched, and never live again. */
export const sessionEndCases: readonly SessionStoreCase[] = [
  onSessions('a session that has ended is gone', async (store) => {
    const [past, short] = [newId(), newId()];
    await store.set(past, sessionWith({ n: 1 }, -1000));
    await store.set(short, sessionWith({ n: 1 }, 1000));
    assert.equal(await store.get(past), undefined);
    await sleep(2100);
    assert.equal(await store.get(short), undefined);
  }),
  onSessions('a touched session lives until its new end', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ n: 1 }, 1500));
    await store.touch(id, sessionWith({ n: 1 }, 60_000));
    await sleep(2600);
    assert.deepEqual(valuesOf(await store.get(id)), { n: 1 });
  }),
  onSessions('a session without an end is kept', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ n: 1 }, null));
    assert.deepEqual(valuesOf(await store.get(id)), { n: 1 });
  }),
  onSessions('an end in fractions of a second is kept', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ n: 1 }, 60_000.75));
    await store.touch(id, sessionWith({ n: 1 }, 90_000.25));
    assert.deepEqual(valuesOf(await store.get(id)), { n: 1 });
  }),
  onSessions('a touch does not undo what another request saved', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ n: 1 }));
    const slow = (await store.get(id)) ?? {};
    await store.set(id, sessionWith({ n: 2 }));
    await store.touch(id, slow);
    assert.deepEqual(valuesOf(await store.get(id)), { n: 2 });
  }),
  onSessions('a destroyed session is gone, and only it', async (store) => {
    const [id, other] = [newId(), newId()];
    await store.set(id, sessionWith({ n: 1 }));
    await store.set(other, sessionWith({ n: 2 }));
    await store.destroy(id);
    assert.equal(await store.get(id), undefined);
    assert.deepEqual(valuesOf(await store.get(other)), { n: 2 });
  }),
  onSessions('destroying twice, or what never was, is no error', async (store) => {
    const id = newId();
    await store.destroy(id);
    await store.destroy(id);
  }),
  onSessions('a slow save does not bring a destroyed session back', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ n: 1 }));
    const slow = (await store.get(id)) ?? sessionWith({});
    await store.destroy(id);
    slow['n'] = 2;
    await store.set(id, slow);
    assert.equal(await store.get(id), undefined);
  }),
  onSessions('a slow save of a copied session does not bring it back either', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ n: 1 }));
    await store.destroy(id);
    await store.set(id, sessionWith({ n: 2 }));
    assert.equal(await store.get(id), undefined);
  }),
  onSessions('a slow touch leaves nothing of a destroyed session', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ n: 1 }));
    await store.destroy(id);
    await store.touch(id, sessionWith({ n: 1 }));
    assert.equal(await store.get(id), undefined);
  }),
  onSessions('a logout among twenty saves wins', async (store) => {
    const id = newId();
    await store.set(id, sessionWith({ n: 0 }));
    const reads = await Promise.all(Array.from({ length: 20 }, () => store.get(id)));
    await Promise.all(
      reads.map(async (session, n) => {
        if (n === 10) await store.destroy(id);
        await store.set(id, { ...sessionWith({}), ...session, n });
      }),
    );
    assert.equal(await store.get(id), undefined);
  }),
];
