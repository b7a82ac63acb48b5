import type { ProblemPage } from '../../domain/route-config.ts';
import { pageHeaders } from './layout.ts';
import { errorPage } from './message-pages.ts';

const titles: ReadonlyMap<string, string> = new Map([
  ['form_stale', 'This form is out of date'],
  ['link_spent', 'This link does not work any more'],
  ['not_found', 'There is nothing here'],
  ['origin_forbidden', 'This came from another page'],
  ['rate_limited', 'That was too often'],
]);

const nexts: ReadonlyMap<string, { readonly path: string; readonly label: string }> = new Map([
  ['form_stale', { path: '/sign-in', label: 'Go to the sign-in page' }],
  ['link_spent', { path: '/sign-in', label: 'Ask for a new link' }],
]);

/** The page that a person sees instead of a refusal's JSON. */
export const problemPage: ProblemPage = ({ code, message, requestId }) => {
  const sentence = `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`;
  const title = titles.get(code) ?? 'This did not work';
  return {
    headers: pageHeaders(),
    text: errorPage({ title, message: sentence, requestId, next: nexts.get(code) }),
  };
};
