import { layout } from './layout.ts';
import { html, shown } from './markup.ts';

/** What the sign-in page shows. */
export interface SignInView {
  /** How a link reaches people: `mail`, `terminal` (development without mail), or `none`: only the operator gives links. */
  readonly links: 'mail' | 'terminal' | 'none';
  /** Where to go on after signing in; a checked path of ours. */
  readonly returnTo?: string | undefined;
  /** What was wrong with the address that was sent, to be read out. */
  readonly problem?: string | undefined;
}

/** Asks for an e-mail address. */
export function signInPage({ links, returnTo, problem }: SignInView): string {
  if (links === 'none')
    return layout(
      'Sign in',
      html`<h1>Sign in</h1>
        <p>This gateway sends no mail. Ask whoever runs it for a sign-in link.</p>
        <p class="soft small">
          Operators: set <code>SMTP_URL</code> and <code>MAIL_FROM</code> so that people can ask for links
          themselves.
        </p>`,
    );
  const how =
    links === 'mail'
      ? 'We send you a link that signs you in. There is no password.'
      : 'A link that signs you in is printed in the terminal that runs the gateway, because no mail is set up.';
  return layout(
    'Sign in',
    html`<h1>Sign in</h1>
      <p class="soft">${how}</p>
      ${problem === undefined ? undefined : html`<p class="note bad" role="alert" id="problem">${problem}</p>`}
      <form method="post" action="/sign-in">
        ${returnTo === undefined ? undefined : html`<input type="hidden" name="return" value="${returnTo}" />`}
        <label for="email">E-mail address</label>
        <input
          type="email"
          id="email"
          name="email"
          autocomplete="email"
          inputmode="email"
          autocapitalize="none"
          spellcheck="false"
          required
          maxlength="254"
          autofocus${problem === undefined ? undefined : html` aria-invalid="true" aria-describedby="problem"`}
        />
        <button>Send me a link</button>
      </form>`,
  );
}

/** Says the same for every address. */
export function linkSentPage({ links, returnTo }: Omit<SignInView, 'problem'>): string {
  const again = returnTo === undefined ? '/sign-in' : `/sign-in?return=${encodeURIComponent(returnTo)}`;
  const where = links === 'mail' ? 'Look into your mail' : 'Look into the terminal';
  return layout(
    where,
    html`<h1>${where}</h1>
      <p>
        If this address can sign in here, a link is on its
        way${links === 'mail' ? undefined : ' to the terminal that runs the gateway'}. It works once, for 15
        minutes.
      </p>
      <p class="soft small">
        Open it in this browser, so that what you began here goes on. Nothing came?
        ${links === 'mail' ? 'Look into the spam folder, then' : 'Then'} <a href="${again}">ask again</a>.
      </p>`,
  );
}

/** What the page behind a link shows. */
export interface ConfirmView {
  readonly token: string;
  /** Whom the link signs in. */
  readonly who: string;
}

/** One button: opening a link changes nothing, so mail scanners cannot use it up and nobody is signed in unasked. */
export function confirmLinkPage({ token, who }: ConfirmView): string {
  return layout(
    'Sign in',
    html`<h1>Sign in as ${shown(who, 254)}?</h1>
      <p class="soft">Only go on if this is you and you asked for the link yourself.</p>
      <form method="post" action="/sign-in/link">
        <input type="hidden" name="token" value="${token}" />
        <button>Sign in</button>
      </form>`,
  );
}

/** What somebody who is signed in sees. */
export interface SignedInView {
  readonly who: string;
  readonly csrf: string;
}

/** Says who is signed in, and signs out. */
export function signedInPage({ who, csrf }: SignedInView): string {
  return layout(
    'Signed in',
    html`<h1>You are signed in</h1>
      <p>as <strong>${shown(who, 254)}</strong>. You may close this window.</p>
      <form method="post" action="/sign-out">
        <input type="hidden" name="csrf" value="${csrf}" />
        <button class="quiet">Sign out</button>
      </form>`,
  );
}
