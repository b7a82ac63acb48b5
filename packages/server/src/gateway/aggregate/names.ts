import { hash } from 'node:crypto';

// Names of tools and prompts on the address for all: `<upstream>__<name>`, at most 64 of [A-Za-z0-9_.-/] (MCP 2026-07-28
// allows 128, its conformance suite 64). What does not fit gets a readable head and a hash. An upstream's name has no "_",
// so the part before the first "__" is always the upstream: whatever an upstream calls its tools, it takes no name of
// another. A name that merely looks hashed is hashed too, so no two names of one upstream meet either.

// Longest public name.
const nameCharactersMax = 64;
const separator = '__';
const plain = /^[A-Za-z0-9_./-]+$/;
const notPlain = /[^A-Za-z0-9_./-]+/g;
const hashed = /_[0-9a-f]{16}$/;
const hashCharacters = 16;

/** What a tool or prompt of an upstream is called on the address for all. The same for ever: it depends on nothing else. */
export function publicName(upstream: string, name: string): string {
  const whole = upstream + separator + name;
  if (whole.length <= nameCharactersMax && plain.test(name) && !hashed.test(name)) return whole;
  const digest = hash('sha256', JSON.stringify([upstream, name]), 'hex').slice(0, hashCharacters);
  const room = nameCharactersMax - upstream.length - separator.length - 1 - hashCharacters;
  return `${upstream}${separator}${name.replaceAll(notPlain, '-').slice(0, room)}_${digest}`;
}

/** The upstream that a public name belongs to; `undefined` for a name of no upstream. */
export function upstreamOfName(name: string): string | undefined {
  const at = name.indexOf(separator);
  return at <= 0 ? undefined : name.slice(0, at);
}
