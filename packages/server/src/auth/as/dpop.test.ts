import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agree, openBrowser } from './fixtures/browser.ts';
import { authorizeUrl, call, letIn, pkce, register, token } from './fixtures/client.ts';
import { holder } from './fixtures/proofs.ts';
import { openStage, type Stage } from './fixtures/stage.ts';

// Tokens that are bound to a key, on both legs: at the token endpoint and at an upstream.

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

async function bound() {
  const prove = holder();
  const client = await register(stage.origin);
  const { cookie } = await stage.signIn('ada@example.com');
  const browser = openBrowser(cookie);
  const { verifier, challenge } = pkce();
  const page = await browser.follow(authorizeUrl(stage.origin, client.client_id, challenge));
  const code = new URL((await agree(browser, page)).url).searchParams.get('code') ?? '';
  const address = `${stage.origin}/token`;
  const form = {
    grant_type: 'authorization_code',
    client_id: client.client_id,
    code,
    code_verifier: verifier,
    redirect_uri: 'http://127.0.0.1:1/callback',
  };
  const answer = await token(stage.origin, form, { dpop: prove('POST', address) });
  expect(answer).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
  const refresh = { grant_type: 'refresh_token', client_id: client.client_id };
  return { prove, tokens: answer.body, address, refresh };
}

const docs = () => `${stage.origin}/mcp/docs`;

describe('a bound token', () => {
  it('opens its upstream with a proof, once for each proof, of 20 racers one', async () => {
    const { prove, tokens } = await bound();
    const authorization = `DPoP ${tokens.access_token}`;
    const dpop = prove('POST', docs(), tokens.access_token);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call(stage.origin, 'docs', { authorization, dpop })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await call(stage.origin, 'docs', { authorization, dpop })).status).toBe(401);
    const fresh = prove('POST', docs(), tokens.access_token);
    expect((await call(stage.origin, 'docs', { authorization, dpop: fresh })).status).toBe(200);
  });

  it('opens nothing with the key of somebody else, without a key, or as a plain bearer', async () => {
    const { prove, tokens } = await bound();
    const authorization = `DPoP ${tokens.access_token}`;
    const stranger = holder()('POST', docs(), tokens.access_token);
    const elsewhere = prove('POST', `${stage.origin}/mcp/other`, tokens.access_token);
    const attempts: Record<string, string>[] = [
      { authorization, dpop: stranger },
      { authorization, dpop: elsewhere },
      { authorization, dpop: prove('POST', docs()) },
      { authorization },
      { authorization: `Bearer ${tokens.access_token}` },
      { authorization: `Bearer ${tokens.access_token}`, dpop: prove('POST', docs(), tokens.access_token) },
    ];
    for (const headers of attempts) expect((await call(stage.origin, 'docs', headers)).status).toBe(401);
  });

  it('is refreshed with its key only, and a used refresh token ends the family at once', async () => {
    const { prove, tokens, address, refresh } = await bound();
    const form = { ...refresh, refresh_token: tokens.refresh_token };
    expect((await token(stage.origin, form)).body.error).toBe('invalid_grant');
    const stranger = { dpop: holder()('POST', address) };
    expect((await token(stage.origin, form, stranger)).body.error).toBe('invalid_grant');
    const fresh = await token(stage.origin, form, { dpop: prove('POST', address) });
    expect(fresh.status).toBe(200);
    const again = await token(stage.origin, form, { dpop: prove('POST', address) });
    expect(again.body.error).toBe('invalid_grant');
    const next = { ...refresh, refresh_token: fresh.body.refresh_token };
    expect((await token(stage.origin, next, { dpop: prove('POST', address) })).body.error).toBe(
      'invalid_grant',
    );
  });
});

it('an unbound token does not pass as a bound one', async () => {
  const prove = holder();
  const shown = (await letIn(stage)).tokens.access_token;
  const headers = { authorization: `DPoP ${shown}`, dpop: prove('POST', docs(), shown) };
  expect((await call(stage.origin, 'docs', headers)).status).toBe(401);
});
