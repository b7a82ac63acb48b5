import { expect, it } from 'vitest';
import { requestId } from './request-id.ts';

it('is a UUIDv7: it begins with the time, so that later ones sort later, and the rest is random', () => {
  const at = Date.UTC(2026, 10, 21);
  const id = requestId(at);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(at);
  expect(requestId(at + 1) > id).toBe(true);
  expect(new Set(Array.from({ length: 1000 }, () => requestId(at))).size).toBe(1000);
});
