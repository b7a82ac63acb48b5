// How the text of a variable is judged and parsed.
import { isIP } from 'node:net';
import { localClock } from '@sealgate/vault';
import { z } from 'zod';

/** Any text. */
export const text = z.string().min(1);
/** A whole number within bounds, both included. */
export const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/)
    .transform(Number)
    .pipe(z.number().min(least).max(most));
/** One of these words. */
export const choice = <const T extends readonly string[]>(...names: T) => z.enum(names);
const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9][a-z0-9-]{0,62})*\.?$/i;
/** An address or a name of a host, without scheme and port; brackets around IPv6 go. */
export const host = text
  .transform((name) => name.replace(/^\[(.*)\]$/, '$1'))
  .refine((name) => isIP(name) !== 0 || hostName.test(name));

/** An origin and nothing else: no user, path, query or fragment. Gives `URL.origin`. */
export const origin = text.transform((given, context) => {
  const url = URL.parse(given);
  const bare =
    url !== null &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    `${url.username}${url.password}${url.search}${url.hash}` === '' &&
    url.pathname === '/';
  if (bare) return url.origin;
  context.addIssue('not an origin');
  return z.NEVER;
});

/** A time zone of the IANA database. */
export const zone = text.refine((name) => {
  try {
    localClock(name);
    return true;
  } catch {
    return false;
  }
});

/** An address that something is sent to: a query may have a token in it; no user and no fragment. Gives `URL.href`. */
export const webhook = text.transform((given, context) => {
  const url = URL.parse(given);
  const scheme = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url !== null && scheme && `${url.username}${url.password}${url.hash}` === '') return url.href;
  context.addIssue('not an address');
  return z.NEVER;
});

/** An AWS region. */
export const region = text.regex(/^[a-z]{2}(?:-[a-z]+)+-\d{1,2}$/);

/** A mail server and nothing else: options in a path or query could switch its checks off. */
export const mailServer = text.refine((given) => {
  const url = URL.parse(given);
  return (
    url !== null &&
    /^smtps?:$/.test(url.protocol) &&
    url.hostname !== '' &&
    /^\/?$/.test(url.pathname) &&
    `${url.search}${url.hash}` === ''
  );
});

/** A Redis server, and if wanted user, password and number of the database. */
export const redisServer = text.refine((given) => {
  const url = URL.parse(given);
  return (
    url !== null &&
    /^rediss?:$/.test(url.protocol) &&
    url.hostname !== '' &&
    /^(?:\/\d{0,5})?$/.test(url.pathname) &&
    `${url.search}${url.hash}` === ''
  );
});

/** One address, with or without a name, in one line. */
export const sender = text.regex(
  /^(?:[^<>@",;\p{C}]{1,100} <[^<>@\s",;\p{C}]{1,64}@[^<>@\s",;\p{C}]{1,253}>|[^<>@\s",;\p{C}]{1,64}@[^<>@\s",;\p{C}]{1,253})$/u,
);
