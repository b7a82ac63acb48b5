import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretName } from './secret-values.ts';
import { scanSecretsInLogs } from './scan-secrets-in-logs.ts';
import { treesOf } from './source-trees.ts';

const scan = (text: string) =>
  scanSecretsInLogs(treesOf(new Map([['packages/server/src/gateway/planted.ts', text]])));

const planted: readonly string[] = [
  'console.log(token);',
  'log.info(`signed in with ${token}`);',
  "log.info('signed in with ' + accessToken);",
  'log.info({ token });',
  "log.info({ user: 'a', bearer: value });",
  'log.info({ ...credential });',
  "log.info({ request: { headers: request.headers } }, 'in');",
  'request.log.warn(request.headers.authorization);',
  "request.log.warn(request.headers['authorization']);",
  'request.log.warn(request.headers[name]);',
  'const t = config.authSecret; log.debug(t);',
  'const { token: t } = parsed; log.debug(t);',
  'const { a: { password: p } } = parsed; log.debug(p);',
  'const text = `Bearer ${apiKey}`; const line = text; log.debug(line);',
  'const say = console.log; say(password);',
  'const { info } = logger; info(passphrase);',
  'const say = log.info.bind(log); say(privateKey);',
  'log.info.call(log, masterKey);',
  'log.info.apply(log, [clientSecret]);',
  'Reflect.apply(console.log, console, [token]);',
  "console['log'](token);",
  'logger[level](token);',
  'logger?.info(token);',
  'log.child({ token });',
  'process.stdout.write(secret);',
  'process.stderr.write(`${credential}\\n`);',
  'log.info(JSON.stringify({ password }));',
  "log.info(Buffer.from(token).toString('base64'));",
  'log.info(String(apiKey));',
  'log.info(token.slice(0, 9));',
  'log.info(config.authSecret.reveal());',
  'log.info(keys.reveal());',
  'log.info(process.env);',
  'log.info(process.env.API_KEY);',
  "log.info(process.env['AUTH_SECRET']);",
  'log.info({ ...process.env });',
  "log.info(verbose ? token : 'hidden');",
  "log.info(token ?? 'none');",
  'log.info(found && token);',
  'log.debug(() => token);',
  'log.info(...[token]);',
  '[token].forEach(console.log);',
  'for (const one of tokens) log.info(one);',
  'getToken().then(console.log);',
  'log.info(await fetchAccessToken(id));',
  "log.info(headers.get('authorization'));",
  'log.info`token ${token}`;',
  'throw new Error(`bad token ${token}`);',
  'throw new TypeError(password);',
  "throw refuse('credential_invalid', 'no', `it was ${secret}`);",
  "import pino from 'pino'; const out = pino(); out.info(token);",
  "import { log as out } from 'node:console'; out(token);",
  'const out = (0, console.log); out(token);',
  'log.error(encodeURIComponent(refreshToken));',
  'log.error(util.inspect(credentials));',
  'log.error([user, apiKey].join());',
  'let line = `k=${apiKey}`; log.error(line as string);',
  'log.error(token!);',
  'const credentialText = read(); log.info(credentialText);',
  'function f({ log }: X, token: string) { log.info(token); }',
];

const clean: readonly string[] = [
  "log.info('token refreshed');",
  'log.info({ tokenCount, tokenId, credentialId, secretName });',
  'log.info({ hasToken: token !== undefined });',
  'log.info({ token: token !== undefined, password: false });',
  'log.info(token.length);',
  'log.info({ bytes: secret.byteLength });',
  'log.info(`${connection.upstream} needs a credential in ${credential.in}`);',
  'log.info(typeof token);',
  'log.info(redact(token));',
  'log.info(mask(apiKey));',
  "log.info(createHash('sha256').update(token).digest('hex'));",
  'log.info({ inputTokens, outputTokens, maxTokens });',
  'log.info(progressToken);',
  'log.info(pageToken);',
  'parse(token); log.info(result);',
  'const bearer = await signIn(token); use(bearer); log.info(caller.subject);',
  "const token = 'progress'; log.info(token);",
  "throw new Error('the token is missing');",
  "throw refuse('credential_missing', `${upstream} needs a credential`);",
  "throw refuse('upstream_invalid', `${name}: set the secret with sealgate connections set`);",
  'throw new RangeError(`a secret has at most ${secretBytesMax} bytes`);',
  'catalog.set(token, value);',
  'Math.log(tokens);',
  'blog.publish(token);',
  'dialog.open(token);',
  'log.info({ keyRef, keyId, keyVersion });',
  'log.info(request.method, request.url);',
  'log.info(Object.keys(headers));',
  'journal.append({ token });',
  'const say = (token: string) => vault.store(token); say(x);',
  'log.info(isToken(text));',
  'socket.write(token);',
  "if (token === '') log.warn('empty');",
  'function f(token: string) { return token; } function g(value: string) { log.info(value); }',
  'log.info(tokenPattern.source, tokenSchema, cookieNames);',
];

for (const text of planted) test(`found: ${text}`, () => assert.notEqual(scan(text).length, 0));
for (const text of clean) test(`no false alarm: ${text}`, () => assert.deepEqual(scan(text), []));

test('a whole body or configuration is a warning, a secret a failure', () => {
  assert.deepEqual(
    scan('log.info(request.body);').map(({ level }) => level),
    ['warn'],
  );
  assert.deepEqual(
    scan('log.info(config);').map(({ level }) => level),
    ['warn'],
  );
  assert.deepEqual(
    scan('log.info(token);').map(({ level }) => level),
    ['fail'],
  );
});

test('names of secrets, and names about secrets', () => {
  for (const name of [
    'token',
    'accessToken',
    'ACCESS_TOKEN',
    'apiKey',
    'x-api-key',
    'clientSecret',
    'masterKey',
    'setCookie',
    'secretBytes',
  ])
    assert.equal(isSecretName(name), true, name);
  for (const name of [
    'tokenId',
    'secretNames',
    'keyRef',
    'publicKey',
    'progressToken',
    'cookieName',
    'isBearer',
    'key',
    'tokenized',
  ])
    assert.equal(isSecretName(name), false, name);
});
