import { hash } from 'node:crypto';
import { html, styleElement, type Markup } from './markup.ts';
import { style } from './style.ts';

// Pages need no script and load nothing: the policy allows the one style sheet by its hash and forms to the gateway
// itself. They are never framed, never stored, and tell no other origin their address, which may hold a sign-in link.
// `same-origin` and not `no-referrer`: under the latter browsers send `Origin: null` with forms, which the guard refuses.

const styleHash = hash('sha256', style, 'base64');

/**
 * The headers that every page goes out with.
 *
 * @param formTargets further origins that a form of the page may lead to by a redirect, as `https://client.example`,
 *   `http://127.0.0.1:4711` or a scheme such as `cursor:`. Chromium holds redirects after a form to `form-action`, so the
 *   consent page has to name where the client is called back. See {@link formTarget}.
 */
export function pageHeaders(formTargets: readonly string[] = []): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${styleHash}'`,
    `form-action ${["'self'", ...formTargets].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ];
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-store',
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  };
}

/**
 * What a redirect address is called in `form-action`: its origin, or its scheme when it has none (`cursor://…`).
 *
 * @returns `undefined` for what is no address, and for schemes that run or show something in the page's own name
 */
export function formTarget(redirectUri: string): string | undefined {
  const url = URL.parse(redirectUri);
  if (url === null || /^(?:javascript|data|blob|filesystem|vbscript|about|file):$/.test(url.protocol))
    return undefined;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return url.protocol;
  return url.origin;
}

/** A whole page. @param title what the page is for; the product's name is added */
export function layout(title: string, body: Markup): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title} · Sealgate</title>
        ${styleElement(style)}
      </head>
      <body>
        <main>
          <p class="brand">
            <svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2">
              <path d="M12 2.5 20 5.5v6c0 4.8-3.3 8.2-8 10-4.7-1.8-8-5.2-8-10v-6z" />
              <path d="M12 9v6M9 12h6" /></svg
            >Sealgate
          </p>
          ${body}
        </main>
      </body>
    </html> `;
  return page.markup;
}
