import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { consentPage, type ConsentView } from './consent-page.ts';
import { formTarget, pageHeaders } from './layout.ts';
import { html, shown } from './markup.ts';
import { closePage, errorPage } from './message-pages.ts';
import { problemPage } from './problem-page.ts';
import { confirmLinkPage, linkSentPage, signedInPage, signInPage } from './sign-in-pages.ts';

const attacks = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onfocus=alert(1) autofocus='",
  '` onmouseover=alert(1)',
  '</title><script>alert(1)</script>',
  '</textarea></form><form action=https://evil.example>',
  '&lt;script&gt;alert(1)&lt;/script&gt;',
  '<!--',
  ']]><svg/onload=alert(1)>',
  '{{constructor.constructor("alert(1)")()}}<b>',
  '\u0000<script>\u0000',
  '<scr\u0000ipt>',
];

const consent = (text: string): ConsentView => ({
  client: { name: text, redirectHost: text, loopbackOnly: true, id: text },
  resource: text,
  scopes: [text, 'mcp'],
  groups: [
    { id: text, name: text },
    { id: 'b', name: text },
  ],
  csrf: text,
  action: text,
  who: text,
});

const pages: readonly (readonly [string, (text: string) => string])[] = [
  ['sign-in', (text) => signInPage({ links: 'mail', returnTo: text, problem: text })],
  ['confirm', (text) => confirmLinkPage({ token: text, who: text })],
  ['signed in', (text) => signedInPage({ who: text, csrf: text })],
  ['consent', (text) => consentPage(consent(text))],
  ['consent in one group', (text) => consentPage({ ...consent(text), groups: [{ id: text, name: text }] })],
  ['error', (text) => errorPage({ title: text, message: text, requestId: text })],
  ['problem', (text) => problemPage({ code: text, message: text, requestId: text }).text],
  ['close', (text) => closePage({ title: text, message: text })],
];

// What a parser would see of a page: every tag with the names of its attributes.
const skeleton = (page: string) =>
  [...page.matchAll(/<(\/?[a-z0-9!-]+)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*\/?>/gi)].map(
    ([, tag, attributes]) => `${tag} ${(attributes ?? '').replaceAll(/="[^"]*"/g, '').trim()}`,
  );

test.each(pages)('no text turns into markup on the page: %s', (_, page) => {
  const innocent = skeleton(page('x'));
  for (const attack of attacks) {
    const attacked = page(attack);
    expect(skeleton(attacked)).toEqual(innocent);
    expect(attacked).not.toContain('<script');
    expect(attacked.match(/</g)).toHaveLength(page('x').match(/</g)?.length ?? 0);
  }
});

test.each([...pages, ['sent', () => linkSentPage({ links: 'mail' })] as const])(
  'the page runs nothing, loads nothing and has a language, a title, one heading and labels: %s',
  (_, page) => {
    const text = page('Ada');
    expect(text).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|javascript:| style=| on[a-z]+=/i);
    expect(text).toMatch(/^<!doctype html>\s*<html lang="en">/);
    expect(text).toMatch(/<title>[^<]+ · Sealgate<\/title>/);
    expect(text.match(/<h1>/g)).toHaveLength(1);
    expect(text).toContain('name="viewport"');
    for (const [, id] of text.matchAll(/<input[^>]* id="(\w+)"/g))
      expect(text).toContain(`<label for="${id}"`);
  },
);

test('the policy names exactly the style sheet that is on the page', () => {
  const css = /<style>([^]*?)<\/style>/.exec(closePage({ title: 'a', message: 'b' }))?.[1] ?? '';
  expect(css.length).toBeGreaterThan(1000);
  expect(pageHeaders()['content-security-policy']).toContain(`'sha256-${hash('sha256', css, 'base64')}'`);
});

test('what only looks like markup is not taken for it', () => {
  const forged = JSON.parse('{"markup":"<script>"}') as ReturnType<typeof html>;
  expect(() => html`${forged}`).toThrow(TypeError);
  expect(() => html`${[forged]}`).toThrow(TypeError);
  expect(html`<p>${html`<b>${'<i>'}</b>`}</p>`.markup).toBe('<p><b>&lt;i&gt;</b></p>');
});

test('a name cannot turn its letters around, hide some, or fill the page', () => {
  expect(shown('Claude\u202Eedoc\u202C')).toBe('Claudeedoc');
  expect(shown('Cla\u200Bu\u00ADde\uFEFF')).toBe('Claude');
  expect(shown('a\r\n\tb\u2028c\u0007')).not.toMatch(/[\p{C}\p{Z}]{2,}|[\r\n\u2028]/u);
  expect([...shown('👩‍🚀'.repeat(300))].length).toBeLessThanOrEqual(80);
  expect(shown('a'.repeat(500))).toHaveLength(80);
  expect(consentPage(consent('\u202E\u200B'))).toContain('A client without a name');
});

test('the consent page shows who is asked, where access goes, for what, and warns of programs nearby', () => {
  const view: ConsentView = {
    ...consent('x'),
    client: {
      name: 'Claude Code',
      redirectHost: 'localhost',
      loopbackOnly: true,
      id: 'https://c.example/id',
    },
    resource: 'https://gate.example.com/mcp/github',
    scopes: ['mcp', 'offline_access', 'admin:write'],
  };
  const page = consentPage(view);
  for (const part of ['Claude Code', 'localhost', 'https://c.example/id', view.resource, 'admin:write'])
    expect(page).toContain(part);
  expect(page).toContain('runs on your own computer');
  const elsewhere = { ...view, client: { ...view.client, loopbackOnly: false } };
  expect(consentPage(elsewhere)).not.toContain('runs on your own computer');
});

test('whoever only presses Enter on the consent page has refused', () => {
  expect(/<button[^>]*value="(\w+)"/.exec(consentPage(consent('x')))?.[1]).toBe('deny');
});

test('a scope that is called like a part of every object is shown as it is', () => {
  expect(consentPage({ ...consent('x'), scopes: ['constructor', '__proto__'] })).toContain('constructor');
  expect(problemPage({ code: 'constructor', message: 'm', requestId: 'r' }).text).toContain('did not work');
});

test.each([
  ['http://localhost:4711/callback?x=1', 'http://localhost:4711'],
  ['https://client.example/cb', 'https://client.example'],
  ['cursor://anysphere.cursor-mcp/oauth', 'cursor:'],
  ['javascript:alert(1)', undefined],
  ['JavaScript:alert(1)', undefined],
  ['data:text/html,x', undefined],
  ['blob:https://evil.example/1', undefined],
  ['not an address', undefined],
  ["https://client.example; script-src 'unsafe-inline'", undefined],
  ["x;script-src:'unsafe-inline'", undefined],
])('a form may lead on to %s as %s', (address, target) => {
  expect(formTarget(address)).toBe(target);
});
