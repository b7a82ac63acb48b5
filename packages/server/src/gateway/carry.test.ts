import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer, Outgoing } from '@sealgate/vault';
import { afterEach, describe, expect, it } from 'vitest';
import { carrying, closeAll, upstream } from './fixtures/carrying.ts';

afterEach(closeAll);

const post = (origin: string, more: Partial<Outgoing> = {}): Outgoing => ({
  origin,
  path: '/mcp?a=b',
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: Buffer.from('{"n":1.0}'),
  signal: new AbortController().signal,
  ...more,
});

async function bytesOf(body: Answer['body']): Promise<string> {
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const closed = (end: IncomingMessage | ServerResponse): Promise<void> =>
  new Promise((resolve) => end.once('close', resolve));
const refusal = (code: string): unknown => expect.objectContaining({ name: 'Refusal', code });

describe('an answer', () => {
  it('comes in one piece when it is small, with and without a content-length', async () => {
    const { origin } = await upstream((request, response) => {
      request.resume().on('end', () => {
        response.setHeader('content-type', 'application/json');
        if (request.headers['x-way'] === 'chunked') response.write('{"a":');
        response.end(request.headers['x-way'] === 'chunked' ? '1}' : '{"a":1}');
      });
    });
    const carry = carrying();
    for (const way of ['whole', 'chunked']) {
      const { status, body } = await carry(post(origin, { headers: { 'x-way': way } }));
      expect(status).toBe(200);
      expect(body).toBeInstanceOf(Uint8Array);
      expect(await bytesOf(body)).toBe('{"a":1}');
    }
  });

  it('becomes a stream when it is large, byte for byte', async () => {
    const text = JSON.stringify({ text: 'x'.repeat(3_000_000) });
    const { origin } = await upstream(
      (_, response) => void response.setHeader('content-type', 'application/json').end(text),
    );
    const { body } = await carrying()(post(origin));
    expect(body).not.toBeInstanceOf(Uint8Array);
    expect(await bytesOf(body)).toBe(text);
  });

  it('that is an event stream comes with its headers, before any event', async () => {
    let write: (text: string) => void = () => undefined;
    const { origin } = await upstream((_, response) => {
      response.setHeader('content-type', 'text/event-stream').flushHeaders();
      write = (text) => void response.end(text);
    });
    const { body, headers } = await carrying()(post(origin));
    expect(headers['content-type']).toBe('text/event-stream');
    write('data: 1\n\n');
    expect(await bytesOf(body)).toBe('data: 1\n\n');
  });

  it('without a body is empty', async () => {
    const { origin } = await upstream((_, response) => void response.writeHead(202).end());
    const { status, body } = await carrying()(post(origin));
    expect([status, await bytesOf(body)]).toEqual([202, '']);
  });

  it('joins a repeated header', async () => {
    const { origin } = await upstream((_, response) => void response.setHeader('x-a', ['1', '2']).end());
    expect((await carrying()(post(origin))).headers['x-a']).toBe('1, 2');
  });

  it('that redirects is handed over, and nothing is asked elsewhere', async () => {
    const paths: unknown[] = [];
    const { origin } = await upstream((request, response) => {
      paths.push(request.url);
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect((await carrying()(post(origin))).status).toBe(307);
    expect(paths).toEqual(['/mcp?a=b']);
  });

  it('that is compressed is refused, because the credential could hide in it', async () => {
    const { origin } = await upstream(
      (_, response) => void response.setHeader('content-encoding', 'gzip').end('…'),
    );
    await expect(carrying()(post(origin))).rejects.toEqual(refusal('upstream_unavailable'));
  });

  it('with more header bytes than allowed is refused', async () => {
    const { origin } = await upstream(
      (_, response) => void response.setHeader('x-a', 'a'.repeat(40_000)).end(),
    );
    await expect(carrying()(post(origin))).rejects.toEqual(refusal('upstream_unavailable'));
  });
});

describe('a request', () => {
  it('arrives as it was given, on connections that are kept', async () => {
    const seen: unknown[] = [];
    const ports = new Set<unknown>();
    const { origin } = await upstream(async (request, response) => {
      ports.add(request.socket.remotePort);
      seen.push([request.method, request.url, await bytesOf(request)]);
      response.end();
    });
    const carry = carrying();
    await carry(post(origin));
    // The answer is told before its connection is free again.
    await new Promise(setImmediate);
    await carry(post(origin, { method: 'DELETE', body: undefined }));
    expect(seen).toEqual([
      ['POST', '/mcp?a=b', '{"n":1.0}'],
      ['DELETE', '/mcp?a=b', ''],
    ]);
    expect(ports.size).toBe(1);
  });

  it('that reaches nobody is refused without quoting what it carried', async () => {
    const { origin, server } = await upstream(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    const headers = { authorization: 'Bearer s3cret-value' };
    const error: unknown = await carrying()(post(origin, { headers })).catch((thrown: unknown) => thrown);
    expect(error).toEqual(refusal('upstream_unavailable'));
    expect(error).toMatchObject({ message: expect.stringContaining('ECONNREFUSED') as unknown });
    const badHeader = { 'x-key': 's3cret\r\nvalue' };
    const bad: unknown = await carrying()(post(origin, { headers: badHeader })).catch(
      (thrown: unknown) => thrown,
    );
    expect(bad).toEqual(refusal('upstream_unavailable'));
    expect(JSON.stringify([error, bad, String(error), String(bad), (bad as Error).stack])).not.toContain(
      's3cret',
    );
  });

  it('whose connection breaks before and in the middle of the answer is refused, and never sent twice', async () => {
    let asked = 0;
    const { origin } = await upstream((request, response) => {
      asked++;
      if (request.headers['x-way'] === 'late')
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      setImmediate(() => request.socket.destroy());
    });
    const carry = carrying();
    await expect(carry(post(origin))).rejects.toEqual(refusal('upstream_unavailable'));
    const { body } = await carry(post(origin, { headers: { 'x-way': 'late' } }));
    await expect(bytesOf(body)).rejects.toEqual(refusal('upstream_unavailable'));
    expect(asked).toBe(2);
  });

  it('is ended at the upstream when its signal aborts, before and after the headers', async () => {
    let ended: Promise<void> | undefined;
    const { origin } = await upstream((request, response) => {
      ended = closed(response);
      if (request.headers['x-way'] === 'late')
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      else stop?.abort();
    });
    let stop: AbortController | undefined = new AbortController();
    const carry = carrying();
    await expect(carry(post(origin, { signal: stop.signal }))).rejects.toEqual(
      refusal('upstream_unavailable'),
    );
    await ended;
    const late = new AbortController();
    stop = undefined;
    const { body } = await carry(post(origin, { signal: late.signal, headers: { 'x-way': 'late' } }));
    const reading = bytesOf(body);
    late.abort();
    await expect(reading).rejects.toEqual(refusal('upstream_unavailable'));
    await ended;
    await expect(carry(post(origin, { signal: late.signal }))).rejects.toEqual(
      refusal('upstream_unavailable'),
    );
  });

  it('is ended at the upstream when the reader breaks off, even before the first byte', async () => {
    const ended: Promise<void>[] = [];
    const { origin } = await upstream((_, response) => {
      ended.push(closed(response));
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    });
    const carry = carrying();
    for await (const chunk of (await carry(post(origin))).body as AsyncIterable<Uint8Array>) if (chunk) break;
    await ended[0];
    const unread = (await carry(post(origin))).body as AsyncIterable<Uint8Array>;
    await unread[Symbol.asyncIterator]().return?.();
    await ended[1];
  });
});
