import { oneKeySealer } from '@sealgate/vault/testing';
import { expect, it } from 'vitest';
import { openSessionHandles, type SessionOwner } from './session-handle.ts';

const ann: SessionOwner = {
  caller: { tenant: 't1', subject: 'ann' },
  upstream: 'shop',
  origin: 'https://shop.example',
};
const unknown = expect.objectContaining({ code: 'session_unknown' }) as unknown;

it('gives back the session of the person and upstream it was made for, also after a restart', async () => {
  const sealer = oneKeySealer();
  const handle = await openSessionHandles(sealer).give(ann, 'upstream-id-1');
  expect(handle).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(handle).not.toContain('upstream-id-1');
  expect(Buffer.from(handle, 'base64url').includes('upstream-id-1')).toBe(false);
  const restarted = openSessionHandles(sealer);
  expect(await restarted.take(ann, handle)).toBe('upstream-id-1');
  expect(await restarted.take(ann, handle)).toBe('upstream-id-1');
});

it('is no session in the hand of another person, group or upstream, or at another address, even while it is remembered', async () => {
  const handles = openSessionHandles(oneKeySealer());
  const handle = await handles.give(ann, 'id');
  await handles.take(ann, handle);
  const others: readonly SessionOwner[] = [
    { ...ann, caller: { tenant: 't1', subject: 'bob' } },
    { ...ann, caller: { tenant: 't2', subject: 'ann' } },
    { ...ann, upstream: 'mail' },
    { ...ann, origin: 'https://moved.example' },
  ];
  for (const other of others) await expect(handles.take(other, handle)).rejects.toEqual(unknown);
});

it('refuses every changed, cut, prolonged, foreign or re-spelled handle', async () => {
  const sealer = oneKeySealer();
  const handle = await openSessionHandles(sealer).give(ann, 'id');
  const bytes = Buffer.from(handle, 'base64url');
  const flipped = Array.from(bytes, (_, at) => {
    const copy = Buffer.from(bytes);
    copy.writeUInt8((copy[at] ?? 0) ^ 1, at);
    return copy.toString('base64url');
  });
  const elsewhere = await openSessionHandles(oneKeySealer()).give(ann, 'id');
  const bad = [
    ...flipped,
    handle.slice(0, -4),
    `${handle}AAAA`,
    `${handle}=`,
    ` ${handle}`,
    '',
    'id',
    'é',
    'A'.repeat(5000),
    elsewhere,
  ];
  const handles = openSessionHandles(sealer);
  for (const text of bad) await expect(handles.take(ann, text)).rejects.toEqual(unknown);
});

it('says that the key is missing instead of that the session is', async () => {
  const broken = {
    ...oneKeySealer(),
    open: () => Promise.reject(Object.assign(new Error('no key'), { code: 'key_unavailable' })),
  };
  const handle = await openSessionHandles(oneKeySealer()).give(ann, 'id');
  await expect(openSessionHandles(broken).take(ann, handle)).rejects.toEqual(
    expect.objectContaining({ code: 'key_unavailable' }),
  );
});

it('takes no session id from an upstream that is none', async () => {
  const handles = openSessionHandles(oneKeySealer());
  for (const id of ['', 'with blank', 'with\nnewline', 'ü', 'x'.repeat(1025)])
    await expect(handles.give(ann, id)).rejects.toEqual(
      expect.objectContaining({ code: 'upstream_unavailable' }),
    );
});

it('remembers no more than it may and still opens what it forgot', async () => {
  let opened = 0;
  const sealer = oneKeySealer();
  const counting = {
    ...sealer,
    open: (...given: Parameters<typeof sealer.open>) => (opened++, sealer.open(...given)),
  };
  const handles = openSessionHandles(counting, 2);
  const made = [await handles.give(ann, 'a'), await handles.give(ann, 'b'), await handles.give(ann, 'c')];
  expect(await handles.take(ann, made[2] ?? '')).toBe('c');
  expect(opened).toBe(0);
  expect(await handles.take(ann, made[0] ?? '')).toBe('a');
  expect(opened).toBe(1);
});
