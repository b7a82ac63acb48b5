// Pages are written as tagged templates in which every value is escaped, unless it is markup made by the same tag. There
// is no way to put a raw string into a page, so nothing is left to remember.

/** Escaped text of a page. Made by {@link html} alone. */
export interface Markup {
  readonly markup: string;
}

const made = new WeakSet<object>();

type Part = string | number | Markup | readonly Markup[] | undefined;

/** Markup from a template: values are escaped, markup is taken as it is, `undefined` is left out. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let markup = texts[0] ?? '';
  for (const [at, part] of parts.entries()) markup += written(part) + (texts[at + 1] ?? '');
  return mark(markup);
}

/** A style sheet of ours, whose text is fixed: in a style element nothing is escaped. */
export function styleElement(css: string): Markup {
  return mark(`<style>${css}</style>`);
}

/**
 * Text from outside as a person should see it: without control, format and bidirectional characters, by which a name can
 * pretend to be something else, and not longer than `charactersMax`.
 */
export function shown(text: string, charactersMax = 80): string {
  const plain = text
    .normalize('NFC')
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .replace(/\s+/gu, ' ')
    .trim();
  const characters = [...plain];
  return characters.length > charactersMax ? `${characters.slice(0, charactersMax - 1).join('')}…` : plain;
}

function written(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part));
  const several: readonly unknown[] = Array.isArray(part) ? part : [part];
  return several.map(markupOf).join('');
}

// Whatever only looks like markup, such as parsed JSON, is no markup.
function markupOf(part: unknown): string {
  if (typeof part === 'object' && part !== null && made.has(part)) return (part as Markup).markup;
  throw new TypeError('a part of a page is neither text nor markup');
}

function mark(markup: string): Markup {
  const one = Object.freeze({ markup });
  made.add(one);
  return one;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => entities[character] ?? '');
}
