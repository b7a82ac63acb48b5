import { describe, expect, test } from 'vitest';
import { furtherOf, nameOfSession, openPlace } from './stream-place.ts';

const session = nameOfSession('abc');
const at = (id: string, read: number) => ({ upstream: 'up', session, id, read });

describe('the place in a stream', () => {
  test('is that of the last event with an id', () => {
    const place = openPlace('up', 'abc');
    expect([place.lastEventId(), place.at(), place.unsaid()]).toEqual([undefined, undefined, undefined]);
    place.read('1', false);
    place.read(undefined, false);
    expect([place.lastEventId(), place.at()]).toEqual(['1', at('1', 1)]);
    place.forget();
    expect([place.lastEventId(), place.at()]).toEqual([undefined, undefined]);
  });

  test('goes on from where somebody else was, in the same session alone', () => {
    expect(openPlace('up', 'abc', at('7', 9)).at()).toEqual(at('7', 9));
    const place = openPlace('up', 'abc', at('7', 9));
    place.read('8', false);
    expect(place.at()).toEqual(at('8', 10));
    expect(openPlace('up', 'other', at('7', 9)).lastEventId()).toBeUndefined();
    expect(openPlace('up', undefined, at('7', 9)).lastEventId()).toBeUndefined();
  });

  test.each([
    ['an empty id', ''],
    ['a line end', 'a\nb'],
    ['what no header carries', 'é'],
    ['a space at its end', 'a '],
    ['a kilobyte', 'x'.repeat(1024)],
  ])('with %s for an id is none for anybody else', (_, id) => {
    const place = openPlace('up', 'abc');
    place.read('1', false);
    place.read(id, false);
    expect(place.at()).toBeUndefined();
  });

  test('before anything was said is known until something is', () => {
    const place = openPlace('up', 'abc');
    place.read('prime', true);
    expect(place.unsaid()).toEqual(at('prime', 1));
    place.read('1', false);
    place.read('2', false);
    expect(place.unsaid()).toEqual(at('1', 2));
    place.said();
    place.read('3', false);
    place.read('4', true);
    expect(place.unsaid()).toEqual(at('1', 2));
  });

  test('that is further is taken, unless it is of another session', () => {
    const other = { ...at('9', 9), session: nameOfSession('other') };
    expect(furtherOf(at('1', 1), at('2', 2))).toEqual(at('2', 2));
    expect(furtherOf(at('2', 2), at('1', 1))).toEqual(at('2', 2));
    expect(furtherOf(at('1', 1), other)).toEqual(at('1', 1));
    expect(furtherOf(undefined, other)).toEqual(other);
    expect(furtherOf(at('1', 1), undefined)).toEqual(at('1', 1));
  });
});
