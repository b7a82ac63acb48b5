import { createTransport } from 'nodemailer';
import { refuse } from '../errors.ts';

// Mail is handed to one configured server. The connection is encrypted, unless the server is on this machine; the message
// is plain text without anything that somebody else chose.

/** Hands in mail. */
export interface Mail {
  /** Send a sign-in link. @throws what the mail server or the connection said */
  sendLink(address: string, link: string): Promise<void>;
  close(): void;
}

/** Where mail goes in. */
export interface MailSettings {
  /** `smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`. A secret. */
  readonly smtpUrl: string;
  /** `gate@example.com` or `Sealgate <gate@example.com>`. */
  readonly from: string;
}

const waitMs = 20_000;

/** Open the way to the mail server. Nothing is contacted yet. @throws Refusal `config_invalid` */
export function openMail({ smtpUrl, from }: MailSettings): Mail {
  const url = URL.parse(smtpUrl);
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '')
    throw refuse('config_invalid', 'SMTP_URL is no address of a mail server');
  const secure = url.protocol === 'smtps:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const local = /^(?:localhost|::1|127(?:\.\d{1,3}){3})$/.test(host);
  const user = decodeURIComponent(url.username);
  const transport = createTransport({
    host,
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    // Never in clear, whatever the server or somebody on the way says it can do.
    requireTLS: !secure && !local,
    ...(user === '' ? {} : { auth: { user, pass: decodeURIComponent(url.password) } }),
    connectionTimeout: waitMs,
    greetingTimeout: waitMs,
    socketTimeout: waitMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async sendLink(address, link) {
      await transport.sendMail({
        from,
        to: { name: '', address },
        subject: 'Your sign-in link for Sealgate',
        text: message(link),
        headers: { 'Auto-Submitted': 'auto-generated' },
        textEncoding: 'quoted-printable',
      });
    },
    close: () => transport.close(),
  };
}

function message(link: string): string {
  return `Somebody, most likely you, asked to sign in to Sealgate at ${new URL(link).host}.

Open this link to sign in. It works once, for 15 minutes:

${link}

If it was not you, do nothing: without the link nobody is signed in.
`;
}
