import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import type { Answer } from './loan.ts';
import { needlesOf } from './needles.ts';
import type { Placement } from './placement.ts';
import { scrubAnswer, scrubBytes } from './scrub.ts';

const header: Placement = { in: 'header', name: 'x-api-key', scheme: 'plain' };
const secret = Buffer.from('k3y/with"quotes+and=more');
const needles = needlesOf(secret, header);

async function collect(answer: Answer): Promise<{ text: string; chunks: string[] }> {
  const chunks: string[] = [];
  if (answer.body instanceof Uint8Array) chunks.push(Buffer.from(answer.body).toString('latin1'));
  else for await (const chunk of answer.body) chunks.push(Buffer.from(chunk).toString('latin1'));
  return { text: chunks.join(''), chunks };
}

async function* parts(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text, 'latin1');
}

const answered = (body: Answer['body'], headers = {}): Answer => ({ status: 200, headers, body });

describe('scrubbing an answer', () => {
  it.each([
    ['as it is', secret.toString()],
    ['as JSON text', JSON.stringify({ got: secret.toString() })],
    ['as JSON text with escaped slashes', secret.toString().replaceAll('"', '\\"').replaceAll('/', '\\/')],
    ['percent-encoded', encodeURIComponent(secret.toString())],
    ['in base64', secret.toString('base64')],
    ['in base64url', secret.toString('base64url')],
  ])('overwrites the secret %s, and keeps the length', async (_, form) => {
    const body = Buffer.from(`before ${form} between ${form} after`);
    const { text } = await collect(scrubAnswer(answered(body), needles));
    expect(text).toHaveLength(body.length);
    expect(text).toMatch(/^before [^ ]*\*{6}[^ ]* between [^ ]*\*{6}[^ ]* after$/);
    expect(text).not.toContain(form);
  });

  it('overwrites it in header values', () => {
    const { headers } = scrubAnswer(answered(Buffer.alloc(0), { 'x-echo': `v=${secret}` }), needles);
    expect(headers['x-echo']).toBe(`v=${'*'.repeat(secret.length)}`);
  });

  it('overwrites the password and the whole value of a basic credential', () => {
    const basic = Buffer.from('shop:open sesame');
    const found = needlesOf(basic, { in: 'header', name: 'authorization', scheme: 'basic' });
    const said = `${basic} ${basic.toString('base64')} "open sesame"`;
    const text = Buffer.from(scrubBytes(Buffer.from(said), found)).toString();
    expect(text).not.toContain('sesame');
    expect(text).not.toContain(basic.toString('base64').replaceAll('=', ''));
  });

  it('finds a secret wherever a stream is cut', async () => {
    const said = `data: {"a":"${JSON.stringify(secret.toString()).slice(1, -1)}"}\n\nand ${secret} end`;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(said.length), { maxLength: 12 }), async (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), said.length];
        const pieces = edges.slice(1).map((end, index) => said.slice(edges[index], end));
        const { text } = await collect(scrubAnswer(answered(parts(...pieces)), needles));
        expect(text).toHaveLength(said.length);
        expect(text).not.toContain('k3y');
        expect(text).toMatch(/ end$/);
      }),
      { numRuns: 300 },
    );
  });

  it('holds back nothing that cannot be the beginning of the secret', async () => {
    const { chunks } = await collect(
      scrubAnswer(answered(parts('event one\n\n', 'event two k3', '? three')), needles),
    );
    expect(chunks).toEqual(['event one\n\n', 'event two ', 'k3? three']);
  });

  it('gives the very same bytes when there is nothing to hide', () => {
    const body = Buffer.from('{"jsonrpc":"2.0"}');
    expect(scrubBytes(body, needles)).toBe(body);
  });

  it('does not touch the sender’s buffer', () => {
    const body = Buffer.from(`x ${secret}`);
    scrubBytes(body, needles);
    expect(body.toString()).toBe(`x ${secret}`);
  });

  it('leaves text alone when the secret is too short to tell from it', () => {
    expect(needlesOf(Buffer.from('abc'), header)).toEqual([]);
  });
});
