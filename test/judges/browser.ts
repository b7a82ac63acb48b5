import { setTimeout as sleep } from 'node:timers/promises';
import { openCookieJar, type CookieJar } from './cookie-jar.ts';
import { formsOf, type Form } from './forms.ts';

// A browser without a screen, and the person before it: follows redirects with its cookies, signs in with a link, agrees
// to what the consent page asks, and ends on the page that nothing leads away from. It sends what Chromium sends with a
// navigation, since the gateway looks at that.

/** Where a visit ended. */
export interface Visited {
  readonly url: string;
  readonly status: number;
  readonly text: string;
  /** Every address on the way, the last one included. */
  readonly way: readonly string[];
}

/** How the person acts. */
export interface BrowserOptions {
  /** Keeps the cookies; in memory when left out. */
  readonly jarFile?: string;
  /** A sign-in link as the gateway prints or mails it; asked for when the sign-in page appears. */
  readonly link?: () => Promise<string>;
  readonly decision?: 'allow' | 'deny';
  /** Addresses that begin so are not opened: nothing listens there. */
  readonly stopAt?: string;
  /** The group's id; the preselected one when left out. */
  readonly group?: string;
}

/** Opens addresses. */
export interface Browser {
  /** @throws Error when a page asks for what the person cannot give, or after 30 requests */
  visit(url: string): Promise<Visited>;
}

interface Ask {
  readonly url: URL;
  readonly form?: URLSearchParams;
  readonly from?: URL;
}

interface Page extends Visited {
  readonly at: URL;
}

/** A new browser. */
export function openBrowser(options: BrowserOptions = {}): Browser {
  const jar = openCookieJar(options.jarFile);
  const visit = async (start: string): Promise<Visited> => {
    const gateway = new URL(start).origin;
    const way: string[] = [];
    let page = await load({ url: new URL(start) }, jar, way, options.stopAt);
    for (;;) {
      if (page.at.origin !== gateway || page.status !== 200) return page;
      const forms = formsOf(page.text);
      const next = forms.map((form) => answer(form, options)).find((sent) => sent !== undefined);
      if (next !== undefined) {
        page = await load(
          { url: new URL(next.action, page.at), form: next.form, from: page.at },
          jar,
          way,
          options.stopAt,
        );
        continue;
      }
      const signedIn = forms.some(({ action }) => action === '/sign-out');
      if (page.at.pathname !== '/sign-in' || signedIn) return page;
      if (options.link === undefined) throw new Error(`${page.url} asks to sign in, and there is no link`);
      if (way.filter((each) => each === page.url).length > 1)
        throw new Error(`${page.url} asks to sign in again, after the link was opened`);
      await visit(await options.link());
      page = await load(
        { url: new URL(page.at.searchParams.get('return') ?? '/sign-in', page.at) },
        jar,
        way,
        options.stopAt,
      );
    }
  };
  return { visit };
}

/** How the person answers a form of the gateway; `undefined` for one that is left alone. */
function answer(
  { action, fields, buttons }: Form,
  { decision = 'allow', group }: BrowserOptions,
): { action: string; form: URLSearchParams } | undefined {
  const form = new URLSearchParams([...fields]);
  if (action === '/sign-in/link') return { action, form };
  if (!/^\/interaction\/[^/]+\/confirm$/.test(action)) return undefined;
  if (buttons.get('decision')?.includes(decision) !== true) throw new Error(`no button to ${decision}`);
  form.set('decision', decision);
  if (group !== undefined) form.set('group', group);
  return { action, form };
}

async function load(first: Ask, jar: CookieJar, way: string[], stopAt?: string): Promise<Page> {
  let ask = first;
  for (;;) {
    way.push(ask.url.href);
    if (stopAt !== undefined && ask.url.href.startsWith(stopAt))
      return { at: ask.url, url: ask.url.href, status: 0, text: '', way };
    if (way.length > 30) throw new Error(`no end after ${way.join('\n')}`);
    const response = await patiently(ask, jar);
    jar.take(ask.url, response.headers.getSetCookie());
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null)
      return { at: ask.url, url: ask.url.href, status: response.status, text: await response.text(), way };
    await response.body?.cancel();
    ask = { url: new URL(location, ask.url), from: ask.url };
  }
}

/** A person is slower than a program that opens the page before it listens for the answer. */
async function patiently(ask: Ask, jar: CookieJar): Promise<Response> {
  const foreign = ask.form === undefined && ask.from !== undefined && ask.from.origin !== ask.url.origin;
  for (let turn = 0; ; turn += 1) {
    try {
      return await send(ask, jar);
    } catch (error) {
      if (!foreign || turn === 50) throw error;
      await sleep(200);
    }
  }
}

function send({ url, form, from }: Ask, jar: CookieJar): Promise<Response> {
  const headers = new Headers({
    accept: 'text/html,application/xhtml+xml',
    'user-agent': 'Mozilla/5.0 (judge)',
    'sec-fetch-dest': 'document',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-site': from === undefined ? 'none' : from.origin === url.origin ? 'same-origin' : 'cross-site',
  });
  const cookies = jar.header(url);
  if (cookies !== undefined) headers.set('cookie', cookies);
  if (form !== undefined && from !== undefined) headers.set('origin', from.origin);
  return fetch(url, {
    headers,
    redirect: 'manual',
    ...(form === undefined ? {} : { method: 'POST', body: form }),
  });
}
