import { layout } from './layout.ts';
import { html, shown } from './markup.ts';

/** What went wrong, in words for the person in front of it. */
export interface ErrorView {
  readonly title: string;
  /** Safe to show. */
  readonly message: string;
  /** By which the log has the rest. */
  readonly requestId: string;
  /** Where to try again: a path of ours and what its link says. */
  readonly next?: { readonly path: string; readonly label: string } | undefined;
}

/** Says what went wrong. */
export function errorPage({ title, message, requestId, next }: ErrorView): string {
  return layout(
    shown(title),
    html`<h1>${shown(title)}</h1>
      <p role="alert">${shown(message, 500)}</p>
      ${next === undefined ? undefined : html`<p><a href="${next.path}">${next.label}</a></p>`}
      <p class="soft small">
        If you tell somebody about it, say this id: <code class="id">${shown(requestId)}</code>
      </p>`,
  );
}

/** Says that there is nothing left to do here. */
export function closePage({ title, message }: { readonly title: string; readonly message: string }): string {
  return layout(
    shown(title),
    html`<h1>${shown(title)}</h1>
      <p>${shown(message, 500)}</p>
      <p class="soft">You may close this window.</p>`,
  );
}
