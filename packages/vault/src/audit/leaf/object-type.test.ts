import { expect, test } from 'vitest';
import { objectTypeOf } from './object-type.ts';

test.each([
  ['connection:shop#u1#default', 'connection'],
  ['upstream:shop', 'upstream'],
  ['gateway', 'gateway'],
  ['data_key:1', 'data_key'],
  ['', 'other'],
  ['Ann Miller', 'other'],
  ['ann@example.com', 'other'],
  ['203.0.113.77', 'other'],
  [`${'a'.repeat(33)}:x`, 'other'],
])('the type of %j is %s', (object, type) => expect(objectTypeOf(object)).toBe(type));
