import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanAdminAuth } from './scan-admin-auth.ts';
import { treesOf } from './source-trees.ts';

const at = (path: string, text: string) => scanAdminAuth(treesOf(new Map([[path, text]])));
const scan = (text: string) => at('packages/server/src/http/planted.ts', text);

const planted: readonly string[] = [
  "app.get('/admin/users', handler);",
  "app.post('/admin/users', async (request, reply) => reply.send(1));",
  "app.get('/api/admin/users', handler);",
  "app.get('/admin/users', { schema }, handler);",
  "app.get('/admin/users', { preHandler: [] }, () => 1);",
  "app.get('/admin/users', { preHandler: log }, () => 1);",
  "app.get('/admin/users', { preHandler: undefined }, () => 1);",
  "app.get('/admin/users', { preHandler: dev ? [] : requireAdmin }, () => 1);",
  "app.get('/admin/users', { preHandler: strict && requireAdmin }, () => 1);",
  "app.get('/admin/users', { preHandler: requireAdmin, ...options }, () => 1);",
  "const open = { preHandler: [] }; app.get('/admin/users', { preHandler: requireAdmin, ...open }, () => 1);",
  "app.get('/admin/users', { ...base }, () => 1);",
  "app.get('/admin/users', (request) => { work(); requireAdmin(request); });",
  "app.get('/admin/users', (request) => { if (strict) requireAdmin(request); });",
  "app.get('/admin/users', /* requireAdmin */ () => 'requireAdmin');",
  "const base = '/admin'; app.get(base + '/users', () => 1);",
  "const base = '/admin'; app.get(`${base}/users`, () => 1);",
  'app.get(`/admin/${name}`, () => 1);',
  "app.get('/ad' + 'min/users', () => 1);",
  "app.get(['', 'admin', 'users'].join('/'), () => 1);",
  "app.get('/admin'.concat('/users'), () => 1);",
  "app.get(beta ? '/admin/users' : '/users', () => 1);",
  "app['get']('/admin/users', () => 1);",
  "app[method]('/admin/users', () => 1);",
  "const add = app.get; add('/admin/users', () => 1);",
  "const { get: add } = app; add('/admin/users', () => 1);",
  "const add = app.get.bind(app); add('/admin/users', () => 1);",
  "app.get.call(app, '/admin/users', () => 1);",
  "app.get.apply(app, ['/admin/users', () => 1]);",
  "Reflect.apply(app.get, app, ['/admin/users', () => 1]);",
  "app.get(...['/admin/users', () => 1]);",
  "const handler = async () => 1; app.delete('/admin/users', handler);",
  "app.route({ method: 'GET', url: '/admin/users', handler });",
  "app.route({ ...base, url: '/admin/users', handler });",
  "const routes = [{ method: 'GET', url: '/admin/users', handler }]; routes.forEach((route) => app.route(route));",
  "const routes = { '/admin/users': () => 1 };",
  "const routes = { ['/admin/' + name]: handler };",
  "for (const path of ['/admin/a', '/admin/b']) app.get(path, () => 1);",
  "new Hono().use('/admin/*', () => 1);",
  "if (url.pathname.startsWith('/admin')) { response.end('x'); }",
  "switch (path) { case '/admin/users': response.end('x'); }",
  "app.register((admin) => { admin.get('/users', () => 1); }, { prefix: '/admin' });",
  "app.register((admin) => { if (strict) admin.addHook('onRequest', requireAdmin); admin.get('/admin/users', () => 1); });",
];

const clean: readonly string[] = [
  "app.get('/admin/users', { preHandler: requireAdmin }, () => 1);",
  "app.get('/admin/users', { onRequest: [log, requireAdmin] }, () => 1);",
  "app.get('/admin/users', { ...base, preHandler: requireAdmin }, () => 1);",
  "const guarded = { preHandler: requireAdmin }; app.get('/admin/users', { ...guarded }, () => 1);",
  "const guarded = { preHandler: requireAdmin }; app.get('/admin/users', guarded, () => 1);",
  "app.get('/admin/users', requireAdmin, () => 1);",
  "app.get('/admin/users', requireAdmin(() => 1));",
  "app.get('/admin/users', auth.requireAdmin(), () => 1);",
  "app.get('/admin/users', async (request) => { await requireAdmin(request); return 1; });",
  "app.register(async (admin) => { admin.addHook('onRequest', requireAdmin); admin.get('/admin/users', () => 1); });",
  "app.register((admin) => { admin.addHook('onRequest', requireAdmin); admin.get('/users', () => 1); }, { prefix: '/admin' });",
  "app.route({ method: 'GET', url: '/admin/users', preHandler: requireAdmin, handler });",
  "const routes = { '/admin/users': requireAdmin(() => 1) };",
  "if (url.pathname.startsWith('/admin')) { requireAdmin(request); response.end('x'); }",
  "app.get('/health', () => 1);",
  "app.get('/administrators-guide', () => 1);",
  "app.get('/users/admin', () => 1);",
  "await fetch('/admin/users', { method: 'POST' });",
  "await client.post('/admin/users', body);",
  "await client.post('/admin/users', JSON.stringify(body));",
  "await client.get('/admin/users');",
  "const kind = path.startsWith('/admin') ? 'admin' : 'user';",
  "if (path.startsWith('/admin')) limits.push(60);",
  "log.info('/admin/users', count);",
  "seen.set('/admin/users', () => 1);",
  "const page = { url: '/admin/users', title: 'Users' };",
];

for (const text of planted)
  test(`found: ${text}`, () =>
    assert.equal(
      scan(text).some(({ level }) => level === 'fail'),
      true,
    ));
for (const text of clean) test(`no false alarm: ${text}`, () => assert.deepEqual(scan(text), []));

test('the administration listens on its socket and on no port', () => {
  const path = 'packages/server/src/admin/socket.ts';
  for (const text of [
    'server.listen(3000);',
    'server.listen({ port });',
    "server.listen({ host: '::' });",
    'server.listen(port);',
    'const p = 80; server.listen(p);',
  ])
    assert.equal(at(path, text).length, 1, text);
  for (const text of ['server.listen(socketPath);', "server.listen({ path: 'sealgate.sock' });"])
    assert.deepEqual(at(path, text), [], text);
});

test('in the room of the administration a route whose path is not known needs a guard too', () => {
  const path = 'packages/server/src/admin/routes.ts';
  assert.equal(at(path, 'app.post(path, () => 1);').length, 1);
  assert.deepEqual(at(path, 'app.post(path, requireAdmin, () => 1);'), []);
});
