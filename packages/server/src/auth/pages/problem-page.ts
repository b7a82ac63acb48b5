import type { ProblemPage } from '../../domain/route-config.ts';
import { pageHeaders } from './layout.ts';
import { errorPage } from './message-pages.ts';

const titles: Readonly<Record<string, string>> = {
  form_stale: 'This form is out of date',
  link_spent: 'This link does not work any more',
  not_found: 'There is nothing here',
  origin_forbidden: 'This came from another page',
  rate_limited: 'That was too often',
};

/** The page that a person sees instead of a refusal's JSON. */
export const problemPage: ProblemPage = ({ code, message, requestId }) => {
  const sentence = `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`;
  const title = titles[code] ?? 'This did not work';
  return { headers: pageHeaders(), text: errorPage({ title, message: sentence, requestId }) };
};
