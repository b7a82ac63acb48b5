import { z } from 'zod';

const text = z.string().min(1);

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

/** One address, with or without a name, in one line. */
export const sender = text.regex(
  /^(?:[^<>@",;\p{C}]{1,100} <[^<>@\s",;\p{C}]{1,64}@[^<>@\s",;\p{C}]{1,253}>|[^<>@\s",;\p{C}]{1,64}@[^<>@\s",;\p{C}]{1,253})$/u,
);
