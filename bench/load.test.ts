import { describe, expect, it } from 'vitest';
import { startRaw, type Lie } from '../test/fixtures/raw.ts';
import { startModern } from '../test/fixtures/modern.ts';
import { httpReader } from './http-reader.ts';
import { load } from './load.ts';

const closedLoop = { connections: 4, payloadBytes: 64, durationMs: 150 };

describe('the load generator', () => {
  it('counts right answers and times them, in a closed and an open loop', async () => {
    const upstream = await startRaw();
    const closed = await load(upstream, closedLoop);
    expect(closed).toMatchObject({ wrong: 0, firstWrong: undefined });
    expect(closed.answered).toBeGreaterThan(10);
    expect(closed.p50Us).toBeGreaterThan(0);
    expect(closed.p99Us).toBeGreaterThanOrEqual(closed.p50Us);
    const open = await load(upstream, {
      ...closedLoop,
      payloadBytes: 4096,
      durationMs: 500,
      ratePerSecond: 200,
    });
    expect(open.wrong).toBe(0);
    expect(open.answered).toBeLessThanOrEqual(100);
    expect(open.answered).toBeGreaterThan(50);
    await upstream.close();
  });

  it('reads the answers of an SDK upstream and of one that streams', async () => {
    const upstream = await startModern();
    expect(await load(upstream, closedLoop)).toMatchObject({ wrong: 0 });
    await upstream.close();
    const streaming = await startRaw({ sse: true });
    expect(await load(streaming, closedLoop)).toMatchObject({ wrong: 0 });
    await streaming.close();
  });

  it.each<Lie>(['id', 'length', 'status', 'garbage'])(
    'counts a wrong %s as wrong and does not time it',
    async (lie) => {
      const upstream = await startRaw({ lie, lieEvery: 3 });
      const { answered, wrong, firstWrong } = await load(upstream, closedLoop);
      expect(firstWrong).toBeDefined();
      expect(wrong).toBeGreaterThan(0);
      expect(Math.abs(answered - 2 * wrong)).toBeLessThanOrEqual(6);
      await upstream.close();
    },
  );

  it('will not measure what does not echo or cannot be reached', async () => {
    const upstream = await startRaw({ lie: 'status' });
    await expect(load(upstream, closedLoop)).rejects.toThrow('does not echo');
    await upstream.close();
    await expect(load(upstream, closedLoop)).rejects.toThrow('ECONNREFUSED');
  });
});

describe('the answer reader', () => {
  const whole = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
  const chunked =
    'HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n';

  it.each([
    [whole, 200],
    [chunked, 404],
  ])('reads %j whole and byte by byte', (text, status) => {
    expect(httpReader().push(Buffer.from(text))).toEqual({ status, body: Buffer.from('hello') });
    const slow = httpReader();
    const answers = [...Buffer.from(text)].map((byte) => slow.push(Buffer.from([byte])));
    expect(answers.filter(Boolean)).toEqual([{ status, body: Buffer.from('hello') }]);
  });

  it('refuses what is no answer, and bytes after one', () => {
    expect(() => httpReader().push(Buffer.from('SSH-2.0\r\n\r\n'))).toThrow('not HTTP/1.1');
    expect(() => httpReader().push(Buffer.from(`${whole}H`))).toThrow('after the answer');
    expect(() => httpReader().push(Buffer.from(`${chunked}H`))).toThrow('after the last chunk');
  });
});
