import { beforeEach, describe, expect, test } from 'vitest';
import { systemTenant } from '../keys/system-tenant.ts';
import { sealedRecords } from '../keys/sealed-records.ts';
import { memoryRecords } from '../store/memory/records.ts';
import type { Records } from '../store/records.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import { rulesOf } from './config.ts';
import { openSessions, type Sessions } from './sessions.ts';
import type { SessionValue } from './session-value.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const sealer = oneKeySealer();
let nowMs = 0;
let calls: string[] = [];
let warnings: string[] = [];
let inner: Records;
let sessions: Sessions;

function counted(records: Records): Records {
  const count = <A extends unknown[], V>(name: string, call: (...given: A) => V): ((...given: A) => V) => {
    return (...given) => {
      calls.push(name);
      return call(...given);
    };
  };
  return {
    ...records,
    get: count('get', records.get),
    put: count('put', records.put),
    extend: count('extend', records.extend),
  };
}

function opened(more: Parameters<typeof rulesOf>[0] = {}): Sessions {
  const warn = (message: string, detail: string) => void warnings.push(`${message}: ${detail}`);
  const sealed = sealedRecords(inner, sealer, { kind: 'session', table: 'sessions', tenant: systemTenant });
  return openSessions(counted(sealed), rulesOf({ now: () => nowMs, warn, ...more }));
}

function sessionFor(ms: number, values: object = {}): SessionValue {
  return { cookie: { originalMaxAge: ms, expires: new Date(nowMs + ms) }, ...values };
}

async function read(id: string): Promise<SessionValue> {
  return there(await sessions.get(id));
}

function there<V>(value: V | undefined): V {
  if (value === undefined) throw new Error('nothing there');
  return value;
}

// As express-session does it: a new object, the cookie's members copied one by one.
function asExpress(value: SessionValue): SessionValue {
  const cookie: Record<string, unknown> = {};
  for (const name in value.cookie) cookie[name] = value.cookie[name];
  return { ...value, cookie };
}

beforeEach(() => {
  nowMs = 1_700_000_000_000;
  [calls, warnings] = [[], []];
  inner = memoryRecords({ now: () => nowMs });
  sessions = opened();
});

describe('a session that did not change', () => {
  test('is not written for a minute, then only its end moves', async () => {
    await sessions.set('s', sessionFor(hourMs, { n: 1 }));
    for (let second = 1; second <= 120; second += 1) {
      nowMs += 1000;
      const session = asExpress(await read('s'));
      session.cookie.expires = new Date(nowMs + hourMs);
      await (second % 2 === 0 ? sessions.set('s', session) : sessions.touch('s', session));
    }
    expect(calls.filter((call) => call !== 'get')).toEqual(['put', 'extend', 'extend']);
    nowMs += hourMs - minuteMs;
    expect((await read('s'))['n']).toBe(1);
  });

  test('that lives for seconds only is still kept alive by use', async () => {
    await sessions.set('s', sessionFor(20_000));
    for (let second = 0; second < 60; second += 1) {
      nowMs += 1000;
      const session = await read('s');
      session.cookie.expires = new Date(nowMs + 20_000);
      await sessions.touch('s', session);
    }
    expect(calls.filter((call) => call === 'extend').length).toBeLessThan(31);
  });

  test('and shall end sooner ends sooner', async () => {
    await sessions.set('s', sessionFor(hourMs));
    const session = await read('s');
    session.cookie.expires = new Date(nowMs + hourMs - 1000);
    await sessions.touch('s', session);
    nowMs += hourMs - 500;
    expect(await sessions.get('s')).toBeUndefined();
  });

  test('is written again when it changed back after a save', async () => {
    await sessions.set('s', sessionFor(hourMs, { n: 1 }));
    const session = await read('s');
    for (const n of [2, 1]) {
      session['n'] = n;
      await sessions.set('s', session);
    }
    expect((await read('s'))['n']).toBe(1);
  });
});

describe('a save over what was read', () => {
  test('of two that overlap the last one wins', async () => {
    await sessions.set('s', sessionFor(hourMs, { n: 0 }));
    const [one, other] = [asExpress(await read('s')), asExpress(await read('s'))];
    await sessions.set('s', { ...one, n: 1 });
    await sessions.set('s', { ...other, n: 2 });
    expect((await read('s'))['n']).toBe(2);
  });

  test('of ten that overlap all end, and one is kept whole', async () => {
    await sessions.set('s', sessionFor(hourMs, { n: 0 }));
    const reads = await Promise.all(Array.from({ length: 10 }, () => read('s')));
    await Promise.all(reads.map((session, n) => sessions.set('s', { ...session, n })));
    expect((await read('s'))['n']).toBeTypeOf('number');
  });

  test('strictly, the second of two is refused and no increment is lost', async () => {
    sessions = opened({ strict: true });
    await sessions.set('s', sessionFor(hourMs, { n: 0 }));
    const add = async (): Promise<void> => {
      for (;;) {
        const session = await read('s');
        const saved = sessions.set('s', { ...session, n: Number(session['n']) + 1 }).then(() => true);
        if (await saved.catch((error: unknown) => refusedAs(error, 'session_changed'))) return;
      }
    };
    await Promise.all(Array.from({ length: 10 }, add));
    expect((await read('s'))['n']).toBe(10);
  });

  test.each([
    ['was destroyed', () => sessions.destroy('s')],
    [
      'was destroyed longer ago than ids are held',
      async () => {
        await sessions.destroy('s');
        nowMs += 25 * hourMs;
      },
    ],
    ['has ended', async () => void (nowMs += 2 * hourMs)],
    [
      'was lost by its store',
      async () => void (await inner.take((await inner.scan({ limit: 1 })).names[0] ?? '')),
    ],
  ])('brings nothing back when the session %s', async (_, goAway) => {
    await sessions.set('s', sessionFor(hourMs, { n: 1 }));
    const slow = asExpress(await read('s'));
    await goAway();
    slow.cookie.expires = new Date(nowMs + hourMs);
    await sessions.set('s', { ...slow, n: 2 });
    await sessions.touch('s', slow);
    expect(await sessions.get('s')).toBeUndefined();
    expect(warnings).toEqual(['a save of a session that is gone was left out: set']);
  });

  test('is not made over another session that has the id by now', async () => {
    await sessions.set('s', sessionFor(hourMs, { user: 'eve' }));
    const slow = asExpress(await read('s'));
    await sessions.destroy('s');
    nowMs += 25 * hourMs;
    await sessions.set('s', sessionFor(hourMs, { user: 'ada' }));
    slow.cookie.expires = new Date(nowMs + hourMs);
    await sessions.set('s', { ...slow, n: 2 });
    expect((await read('s'))['user']).toBe('ada');
  });

  test('under another id is a session of its own', async () => {
    await sessions.set('s', sessionFor(hourMs, { n: 1 }));
    await sessions.set('t', asExpress(await read('s')));
    expect((await read('t'))['n']).toBe(1);
    await sessions.destroy('s');
    expect((await read('t'))['n']).toBe(1);
  });
});

describe('what whoever holds the store can do', () => {
  test('a session moved under the name of another does not open, and is told', async () => {
    await sessions.set('ada', sessionFor(hourMs, { user: 'ada' }));
    await sessions.set('eve', sessionFor(hourMs, { user: 'eve' }));
    const names = (await inner.scan({ limit: 2 })).names;
    const [one, other] = await Promise.all(names.map((name) => inner.get(name)));
    for (const [n, name] of names.entries())
      await inner.put(name, there(n === 0 ? other : one).bytes, { endsAtMs: nowMs + hourMs });
    for (const id of ['ada', 'eve']) expect(await sessions.get(id)).toBeUndefined();
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).not.toMatch(/ada|eve/);
  });

  test('each changed byte makes a session none, and no read fails', async () => {
    await sessions.set('s', sessionFor(hourMs, { n: 1 }));
    const [name = ''] = (await inner.scan({ limit: 1 })).names;
    const { bytes } = there(await inner.get(name));
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Uint8Array.from(bytes, (byte, n) => (n === at ? byte ^ 1 : byte));
      await inner.put(name, changed, { endsAtMs: nowMs + hourMs });
      expect(await sessions.get('s')).toBeUndefined();
    }
  });

  test('the name of a record signs nobody in', async () => {
    await sessions.set('session-of-ada', sessionFor(hourMs, { n: 1 }));
    const [name = ''] = (await inner.scan({ limit: 1 })).names;
    expect(name).not.toContain('session-of-ada');
    for (const id of [name, name.slice('sessions.'.length)]) expect(await sessions.get(id)).toBeUndefined();
  });
});

test.each(['', 'x'.repeat(513), '\ud800'])('an id that nothing can have, has no session', async (id) => {
  expect(await sessions.get(id)).toBeUndefined();
});

test('a session that is too large is refused, not cut', async () => {
  const large = sessionFor(hourMs, { text: 'x'.repeat(256 * 1024) });
  await expect(sessions.set('s', large)).rejects.toMatchObject({ code: 'item_invalid' });
});

function refusedAs(error: unknown, code: string): boolean {
  expect(error).toMatchObject({ code });
  return false;
}
