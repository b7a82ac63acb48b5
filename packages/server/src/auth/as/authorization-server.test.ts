import { afterEach, describe, expect, it } from 'vitest';
import { letIn, openStage, token, type Stage, type StageOptions } from './fixtures/stage.ts';

const atEnd: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (atEnd.length > 0) await atEnd.pop()?.();
});

async function open(options: StageOptions = {}): Promise<Stage> {
  const stage = await openStage(options);
  atEnd.push(() => stage.close());
  return stage;
}

describe('from registration to a token', () => {
  it('works, and the token stands for the person in the chosen group', async () => {
    const stage = await open();
    const { answer, end, tokens, subject, tenant, client } = await letIn(stage);
    const redirect = new URL(end.url);
    expect(redirect.searchParams.get('state')).toBe('the-state');
    expect(redirect.searchParams.get('iss')).toBe(stage.origin);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        access_token: expect.any(String),
        refresh_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 3600,
        scope: 'mcp',
      },
    ]);
    const verified = await stage.server.tokens.verify({ token: tokens['access_token'], dpop: undefined });
    expect(verified).toEqual({
      tenant,
      subject,
      client: client.client_id,
      scopes: new Set(['mcp']),
      path: '/mcp/docs',
    });
  });

  it('refreshes, with rotation', async () => {
    const stage = await open();
    const { client, tokens } = await letIn(stage);
    const form = {
      grant_type: 'refresh_token',
      client_id: client.client_id,
      refresh_token: tokens['refresh_token'],
    };
    const fresh = await token(stage.origin, form);
    expect(fresh.status).toBe(200);
    expect(fresh.body['refresh_token']).not.toBe(tokens['refresh_token']);
  });
});
