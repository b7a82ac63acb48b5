// Every store orders text by its UTF-8 bytes, which is the order of code points. JavaScript's `<` compares UTF-16
// units and puts an emoji before U+FFEE; so nothing in this room compares text with `<`.

/** Below zero when `a` comes first in UTF-8 byte order, zero when equal. Both are well-formed. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return byCodePoint(left) - byCodePoint(right);
  }
  return a.length - b.length;
}

/** Order two sort values of one type. */
export function compareSort(a: string | number, b: string | number): number {
  if (typeof a === 'string') return compareText(a, String(b));
  return a < Number(b) ? -1 : a > Number(b) ? 1 : 0;
}

/** The first text that comes behind every text with this prefix; `undefined` when nothing does. */
export function behindPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.length > 0) {
    const last = points.pop() ?? 0;
    if (last >= 0x10ffff) continue;
    // U+D800 to U+DFFF are no characters of their own.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}

// Surrogates stand for code points above U+FFFF, yet their units lie below U+E000.
function byCodePoint(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
