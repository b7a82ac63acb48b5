import { memoryTables } from '@sealgate/vault';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { agree, openBrowser } from './fixtures/browser.ts';
import { authorizeUrl, letIn, pkce, register } from './fixtures/client.ts';
import { openStage, type Stage } from './fixtures/stage.ts';

// `/t/{group}/mcp`: the address itself names the group, so there is nothing to choose, and nobody else gets in.

let stage: Stage;
let tables: ReturnType<typeof memoryTables>;
beforeEach(async () => {
  tables = memoryTables({ now: Date.now });
  stage = await openStage({ tables });
});
afterEach(() => stage.close());

const at = (path: string) => fetch(`${stage.origin}${path}`, { method: 'POST', body: '{}' });
const withToken = (path: string, token: string) =>
  fetch(`${stage.origin}${path}`, {
    method: 'POST',
    body: '{}',
    headers: { authorization: `Bearer ${token}` },
  });

it('a token for a named group opens its addresses, and no others', async () => {
  const { tenant } = await stage.signIn('ada@example.com');
  const { tokens } = await letIn(stage, 'ada@example.com', { resource: `${stage.origin}/t/${tenant}/mcp` });
  const status = async (path: string) => (await withToken(path, tokens.access_token)).status;
  expect(await status(`/t/${tenant}/mcp`)).toBe(200);
  expect(await status(`/t/${tenant}/mcp/docs`)).toBe(200);
  const { tenant: other } = await stage.signIn('bob@example.com');
  for (const path of ['/mcp', '/mcp/docs', `/t/${other}/mcp`, `/t/${other}/mcp/docs`])
    expect([path, await status(path)]).toEqual([path, 401]);
});

it('a group answers to its url as well', async () => {
  const { tenant } = await stage.signIn('ada@example.com');
  const group = await tables.get('groups', { groupId: tenant });
  await tables.put('groups', { ...group!.item, url: 'acme' });
  const change = { resource: `${stage.origin}/t/acme/mcp/docs` };
  tables.settle();
  const { tokens } = await letIn(stage, 'ada@example.com', change);
  expect((await withToken('/t/acme/mcp/docs', tokens.access_token)).status).toBe(200);
  expect((await withToken('/t/acme/mcp', tokens.access_token)).status).toBe(401);
  await tables.put('groups', { groupId: 'other', name: 'Other', url: 'acme' });
  tables.settle();
  expect((await withToken('/t/acme/mcp/docs', tokens.access_token)).status, 'a name that two claim').toBe(
    401,
  );
});

it('nobody is asked to agree for a group they are not in, whether it exists or not', async () => {
  const { tenant } = await stage.signIn('bob@example.com');
  const told = await Promise.all(
    [tenant, 'no-such-group'].map(async (group) => {
      const { client_id: client } = await register(stage.origin);
      const browser = openBrowser((await stage.signIn('ada@example.com')).cookie);
      const resource = `${stage.origin}/t/${group}/mcp`;
      const page = await browser.follow(authorizeUrl(stage.origin, client, pkce().challenge, { resource }));
      return [page.answer.status, (await page.answer.text()).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '')];
    }),
  );
  expect(told[0]?.[0]).toBe(404);
  expect(told[0]).toEqual(told[1]);
});

it('the form cannot be sent for another group than the address names', async () => {
  const { cookie, subject, tenant } = await stage.signIn('ada@example.com');
  await tables.put('groups', { groupId: 'club', name: 'Club' });
  await tables.put('memberships', { groupId: 'club', userId: subject, role: 'member' });
  const { client_id: client } = await register(stage.origin);
  const browser = openBrowser(cookie);
  const resource = `${stage.origin}/t/${tenant}/mcp`;
  const page = await browser.follow(authorizeUrl(stage.origin, client, pkce().challenge, { resource }));
  const end = await agree(browser, page, { group: 'club' });
  expect(end.url).not.toContain('code=');
  expect(end.answer.status).toBeGreaterThanOrEqual(400);
});

it('an unauthorized request is told where the metadata of its own address lies', async () => {
  for (const path of ['/mcp', '/mcp/docs', '/t/acme/mcp', '/t/acme/mcp/docs']) {
    const address = /resource_metadata="([^"]+)"/.exec(
      (await at(path)).headers.get('www-authenticate') ?? '',
    )?.[1];
    expect(address).toBe(`${stage.origin}/.well-known/oauth-protected-resource${path}`);
    const { resource } = (await (await fetch(address ?? '')).json()) as { resource: string };
    expect(resource).toBe(`${stage.origin}${path}`);
  }
});
