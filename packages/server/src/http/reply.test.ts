import { Refusal, vaultCodes } from '@sealgate/vault';
import { describe, expect, it } from 'vitest';
import { refuse, serverCodes, TryLater } from '../errors.ts';
import { answerTo, healthAnswer, isRefusal, rawAnswer, type Circumstance } from './reply.ts';

const rpc: Circumstance = { requestId: 'r-1', form: 'rpc', messageId: 7 };
const bodyOf = (error: unknown, how: Circumstance = rpc): unknown =>
  JSON.parse(answerTo(error, how).body.toString());

describe('a refusal', () => {
  it('of every code has a status and tells its code, its message and the request', () => {
    for (const code of [...serverCodes, ...vaultCodes]) {
      const error = new Refusal(code, 'said', 'for the log only');
      const { status, body } = answerTo(error, rpc);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(body.toString()).not.toContain('for the log only');
      if (code === 'internal') continue;
      expect(bodyOf(error)).toMatchObject({
        jsonrpc: '2.0',
        id: 7,
        error: { message: 'said', data: { code, requestId: 'r-1' } },
      });
      expect(bodyOf(error, { ...rpc, form: 'plain' })).toEqual({
        error: { code, message: 'said', requestId: 'r-1' },
      });
    }
  });

  it('says after how many seconds to try again, when that is known', () => {
    const resting = new TryLater('upstream_unavailable', 'it rests', 7);
    expect(answerTo(resting, rpc)).toMatchObject({ status: 502, headers: { 'retry-after': '7' } });
    expect(
      answerTo(refuse('upstream_unavailable', 'it is gone'), rpc).headers['retry-after'],
    ).toBeUndefined();
    expect(answerTo(refuse('overloaded', 'too many'), rpc).headers['retry-after']).toBe('1');
  });

  it('answers header mismatches and unknown revisions in the codes of MCP 2026-07-28', () => {
    expect(bodyOf(refuse('header_mismatch', ''))).toMatchObject({ error: { code: -32020 } });
    expect(bodyOf(refuse('era_unsupported', ''), { ...rpc, revision: '2027-01-01' })).toMatchObject({
      error: { code: -32022, data: { supported: ['2026-07-28'], requested: '2027-01-01' } },
    });
    expect(answerTo(refuse('session_unknown', ''), rpc).status).toBe(404);
  });

  it('of a person unknown says how to sign in, and no other does', () => {
    const challenge =
      'Bearer resource_metadata="http://localhost:3000/.well-known/oauth-protected-resource/mcp/shop"';
    expect(
      answerTo(refuse('unauthorized', ''), { ...rpc, challenge: () => challenge }).headers,
    ).toMatchObject({
      'www-authenticate': challenge,
    });
    expect(
      answerTo(refuse('tool_denied', ''), { ...rpc, challenge: () => challenge }).headers,
    ).not.toHaveProperty('www-authenticate');
  });

  it('never turns an upstream’s 401 into one of ours', () => {
    expect(answerTo(refuse('upstream_unauthorized', ''), rpc).status).toBe(502);
  });

  it('that passes by itself says when to try again', () => {
    expect(answerTo(refuse('overloaded', ''), rpc).headers).toMatchObject({ 'retry-after': '1' });
    expect(
      answerTo(refuse('rate_limited', ''), { ...rpc, headers: { 'retry-after': '12' } }).headers,
    ).toMatchObject({ 'retry-after': '12' });
    expect(answerTo(refuse('draining', ''), rpc).headers).toMatchObject({ connection: 'close' });
  });
});

describe('a fault of ours', () => {
  it.each([
    new Error('the secret is s3cret'),
    new TypeError('s3cret'),
    's3cret',
    undefined,
    { code: 'unauthorized', message: 's3cret' },
  ])('tells nothing but the id of the request (%#)', (thrown) => {
    const answer = answerTo(thrown, rpc);
    expect(answer.status).toBe(500);
    expect(JSON.stringify([answer.headers, answer.body.toString()])).not.toContain('s3cret');
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      error: { code: -32603, data: { code: 'internal', requestId: 'r-1' } },
    });
  });

  it('is also a refusal of an unknown code, or of `internal`', () => {
    expect(isRefusal(new Refusal('made_up', 's3cret'))).toBe(false);
    expect(isRefusal(refuse('internal', 's3cret'))).toBe(false);
    expect(answerTo(new Refusal('toString', 's3cret'), rpc).status).toBe(500);
  });
});

it('an answer on a bare connection is complete HTTP', () => {
  const text = rawAnswer(
    answerTo(refuse('request_invalid', 'no'), { requestId: 'r', form: 'plain' }),
  ).toString();
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 400 \r\n/);
  expect(head).toContain(`content-length: ${Buffer.byteLength(body)}`);
  expect(head).toContain('connection: close');
});

it('a health check is 200 or 503', () => {
  expect(healthAnswer('ok', {}).status).toBe(200);
  expect(healthAnswer('draining', {}).status).toBe(503);
  expect(healthAnswer('unavailable', { journal: 'full' })).toMatchObject({ status: 503 });
});
