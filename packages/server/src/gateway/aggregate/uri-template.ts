// Does an address belong to a template (RFC 6570)? Templates come from upstreams and addresses from clients, so neither
// is made into a regular expression: the places that can be reached are moved along, which costs the product of both
// lengths and never more.

const templateCharactersMax = 2048;
const uriCharactersMax = 8192;
const expressionsMax = 32;

interface Part {
  /** Text that stands as it is; `undefined` for an expression. */
  readonly text: string | undefined;
  /** What the expansion begins with when there is one. */
  readonly first: string;
  /** Characters that the expansion does not have. */
  readonly without: string;
}

const operators: Readonly<Record<string, Pick<Part, 'first' | 'without'>>> = {
  '+': { first: '', without: '' },
  '#': { first: '#', without: '' },
  '.': { first: '.', without: '/?#' },
  '/': { first: '/', without: '?#' },
  ';': { first: ';', without: '/?#' },
  '?': { first: '?', without: '#' },
  '&': { first: '&', without: '#' },
};

/** Whether the address can be an expansion of the template. A broken template, or one out of bounds, matches nothing. */
export function matchesTemplate(template: string, uri: string): boolean {
  if (uri.length > uriCharactersMax) return false;
  const parts = partsOf(template);
  if (parts === undefined) return false;
  let reached = new Uint8Array(uri.length + 1);
  reached[0] = 1;
  for (const part of parts)
    reached = part.text === undefined ? past(part, uri, reached) : after(part.text, uri, reached);
  return reached[uri.length] === 1;
}

function after(text: string, uri: string, from: Uint8Array): Uint8Array<ArrayBuffer> {
  const to = new Uint8Array(uri.length + 1);
  for (let at = uri.indexOf(text); at >= 0; at = uri.indexOf(text, at + 1))
    if (from[at] === 1) to[at + text.length] = 1;
  return to;
}

function past({ first, without }: Part, uri: string, from: Uint8Array): Uint8Array<ArrayBuffer> {
  // An undefined variable expands to nothing.
  const to = Uint8Array.from(from);
  const inside = new Uint8Array(uri.length + 1);
  for (let at = 0; at <= uri.length; at++) {
    if (from[at] === 1 && uri.startsWith(first, at)) inside[at + first.length] = 1;
    if (inside[at] !== 1) continue;
    to[at] = 1;
    if (at < uri.length && !without.includes(uri[at]!)) inside[at + 1] = 1;
  }
  return to;
}

function partsOf(template: string): readonly Part[] | undefined {
  if (template.length > templateCharactersMax) return undefined;
  const parts: Part[] = [];
  let at = 0;
  while (at < template.length) {
    const open = template.indexOf('{', at);
    const text = template.slice(at, open < 0 ? undefined : open);
    if (text.includes('}')) return undefined;
    if (text !== '') parts.push({ text, first: '', without: '' });
    if (open < 0) break;
    const close = template.indexOf('}', open);
    if (close <= open + 1) return undefined;
    parts.push({ text: undefined, ...(operators[template[open + 1]!] ?? { first: '', without: '/?#' }) });
    at = close + 1;
  }
  return parts.length > 2 * expressionsMax ? undefined : parts;
}
