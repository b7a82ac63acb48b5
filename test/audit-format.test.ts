import { createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { verifyLog, type LogSource } from '@sealgate/vault/audit-verify';
import { describe, expect, it } from 'vitest';

// The vectors of docs/audit-format.md, checked by what stands there, and by our verifier.

type Content = string | { readonly base64: string };
interface Vectors {
  readonly vkey: string;
  readonly who: string;
  readonly files: Readonly<Record<string, Content>>;
}

const page = readFileSync(new URL('../docs/audit-format.md', import.meta.url), 'utf8');
const vectors = JSON.parse(/```json\n([^]*?)\n```/.exec(page)?.[1] ?? '') as Vectors;
const bytesOf = (content: Content): Buffer =>
  typeof content === 'string' ? Buffer.from(content) : Buffer.from(content.base64, 'base64');
const file = (path: string): Buffer => bytesOf(vectors.files[path] ?? '');
const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest();
const leafHash = (leaf: Uint8Array): Buffer => sha256(Buffer.of(0), leaf);
const node = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.of(1), left, right);

function leavesIn(bundle: Buffer): Buffer[] {
  const leaves: Buffer[] = [];
  for (let at = 0; at < bundle.length;) {
    const end = at + 2 + bundle.readUInt16BE(at);
    leaves.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return leaves;
}

function sourceOf(changed: Readonly<Record<string, Buffer>> = {}): LogSource {
  return {
    async read(path) {
      const content = vectors.files[path];
      return changed[path] ?? (content === undefined ? undefined : bytesOf(content));
    },
  };
}

describe('the vectors of the format', () => {
  const leaves = leavesIn(file('logs/acme/202611/tile/entries/000.p/3'));
  const hashes = leaves.map(leafHash);
  const root = node(node(hashes[0]!, hashes[1]!), hashes[2]!);

  it('the hashes of leaves are the tile, and make the root of the checkpoint', () => {
    expect(Buffer.concat(hashes)).toEqual(file('logs/acme/202611/tile/0/000.p/3'));
    const [origin, size, said] = file('logs/acme/202611/checkpoint').toString().split('\n');
    expect([origin, size, said]).toEqual(['gate.example/audit/acme/202611', '3', root.toString('base64')]);
  });

  it('the log over all logs states that root', () => {
    const [only] = leavesIn(file('root/tile/entries/000.p/1'));
    expect(JSON.parse(only!.toString())).toEqual({
      origin: 'gate.example/audit/acme/202611',
      root: root.toString('base64'),
      size: 3,
      v: 1,
    });
    expect(file('root/checkpoint').toString().split('\n')[2]).toBe(leafHash(only!).toString('base64'));
  });

  it.each(['root/checkpoint', 'logs/acme/202611/checkpoint'])('%s is signed with the key', (path) => {
    const note = file(path).toString();
    const [name = '', id = '', encoded = ''] = vectors.vkey
      .split('+', 2)
      .concat(vectors.vkey.split('+').slice(2).join('+'));
    const raw = Buffer.from(encoded, 'base64');
    expect(
      sha256(Buffer.from(`${name}\n`), raw)
        .toString('hex')
        .slice(0, 8),
    ).toBe(id);
    const signed = note.slice(0, note.indexOf('\n\n') + 1);
    const [, signature = ''] = /\n\u2014 \S+ (\S+)\n$/.exec(note) ?? [];
    const bytes = Buffer.from(signature, 'base64');
    expect(bytes.subarray(0, 4).toString('hex')).toBe(id);
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: raw.subarray(1).toString('base64url') },
      format: 'jwk',
    });
    expect(verify(null, Buffer.from(signed), key, bytes.subarray(4))).toBe(true);
  });

  it('bodies are what their leaves commit to, and who asked what the body does', () => {
    const lines = file('logs/acme/202611/bodies/000.jsonl').toString().trimEnd().split('\n');
    const bodies = lines.map((line) => JSON.parse(line) as { ix: number; salt: string; body: string });
    for (const { ix, salt, body } of bodies) {
      const { c } = JSON.parse(leaves[ix]!.toString()) as { c: string };
      expect(createHmac('sha256', Buffer.from(salt, 'base64url')).update(body).digest('base64url')).toBe(c);
    }
    const { pc } = JSON.parse(bodies[0]!.body) as { pc: string };
    expect(sha256(Buffer.from(vectors.who)).toString('base64url')).toBe(pc);
  });

  it('are verified, and no longer when any byte of a file is another one', async () => {
    const vkeys = [vectors.vkey];
    expect(await verifyLog(sourceOf(), { vkeys })).toMatchObject({
      state: 'ok',
      findings: [],
      bodies: 2,
    });
    for (const path of Object.keys(vectors.files).filter((each) => each !== 'policy.json')) {
      const changed = Buffer.from(file(path));
      const at = Math.floor(changed.length / 2);
      changed[at] = changed[at]! ^ 1;
      expect((await verifyLog(sourceOf({ [path]: changed }), { vkeys })).state).toBe('tampered');
    }
  });
});
