import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { openMail } from './mail.ts';

interface Received {
  readonly commands: string[];
  readonly messages: string[];
}

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** As much of RFC 5321 as it takes to receive a message. */
async function mailServer(
  reply: Readonly<Record<string, string>> = {},
): Promise<Received & { port: number }> {
  const received: Received = { commands: [], messages: [] };
  const server = createServer((socket) => converse(socket, received, reply));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  return { ...received, port: (server.address() as AddressInfo).port };
}

function converse(socket: Socket, { commands, messages }: Received, reply: Readonly<Record<string, string>>) {
  let pending = '';
  let data: string | undefined;
  const say = (line: string) => socket.write(`${line}\r\n`);
  const answers: Readonly<Record<string, string>> = {
    STARTTLS: '502 not here',
    EHLO: '250-localhost\r\n250 AUTH PLAIN',
    AUTH: '235 welcome',
    DATA: '354 go on',
    QUIT: '221 bye',
    ...reply,
  };
  say('220 localhost ESMTP');
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    pending += chunk.toString('utf8');
    for (let end = pending.indexOf('\r\n'); end !== -1; end = pending.indexOf('\r\n')) {
      const line = pending.slice(0, end);
      pending = pending.slice(end + 2);
      if (data !== undefined && line === '.') {
        messages.push(data);
        data = undefined;
        say('250 taken');
      } else if (data !== undefined) data += `${line}\r\n`;
      else {
        commands.push(line);
        const verb = line.split(' ')[0]?.toUpperCase() ?? '';
        if (verb === 'DATA') data = '';
        say(answers[verb] ?? '250 ok');
      }
    }
  });
}

const link = `https://gate.example.com/sign-in/link?token=${'Ab-_'.repeat(10)}xyz`;
const open = (smtpUrl: string, from = 'Sealgate <gate@example.com>') => {
  const mail = openMail({ smtpUrl, from });
  closers.push(() => mail.close());
  return mail;
};
const textOf = (message: string) =>
  message
    .slice(message.indexOf('\r\n\r\n') + 4)
    .replaceAll('=\r\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

test('a mail server receives one plain message for one mailbox, with the whole link', async () => {
  const server = await mailServer();
  await open(`smtp://127.0.0.1:${server.port}`).sendLink('ada@example.com', link);
  expect(server.commands).toContain('MAIL FROM:<gate@example.com>');
  expect(server.commands.filter((line) => line.startsWith('RCPT'))).toEqual(['RCPT TO:<ada@example.com>']);
  const [message = ''] = server.messages;
  expect(message).toContain('To: ada@example.com\r\n');
  expect(message).toContain('From: Sealgate <gate@example.com>\r\n');
  expect(message).toContain('Auto-Submitted: auto-generated\r\n');
  expect(message).toMatch(/Content-Type: text\/plain/i);
  expect(textOf(message)).toContain(link);
  expect(message).not.toMatch(/<a |<html/i);
});

test('user and password of SMTP_URL are used, also with percent signs', async () => {
  const server = await mailServer();
  await open(`smtp://gate%40example.com:p%3Ass%2Fw@127.0.0.1:${server.port}`).sendLink('a@example.com', link);
  const sent = server.commands.find((line) => line.startsWith('AUTH PLAIN'))?.split(' ')[2] ?? '';
  expect(Buffer.from(sent, 'base64').toString()).toBe('\0gate@example.com\0p:ss/w');
});

test.each([
  'ada@example.com\r\nBcc: all@example.com',
  'ada@example.com, mallory@example.com',
  'ada@example.com>\r\nRCPT TO:<mallory@example.com',
  'Ada <ada@example.com>, mallory@example.com',
])('even an address that should never come here adds no header and no recipient: %o', async (address) => {
  const server = await mailServer();
  await open(`smtp://127.0.0.1:${server.port}`)
    .sendLink(address, link)
    .catch(() => undefined);
  const recipients = server.commands.filter((line) => line.toUpperCase().startsWith('RCPT'));
  expect(recipients.length).toBeLessThanOrEqual(1);
  for (const message of server.messages) {
    const head = message.slice(0, message.indexOf('\r\n\r\n'));
    expect(head).not.toMatch(/^Bcc:/im);
    expect(head.match(/^To:/gim)).toHaveLength(1);
  }
});

test('a server elsewhere that offers no encryption gets no password and no mail', async () => {
  const server = await mailServer();
  // Not one of the names for this machine, yet it leads here.
  const mail = open(`smtp://gate:secret@[::ffff:127.0.0.1]:${server.port}`);
  await expect(mail.sendLink('ada@example.com', link)).rejects.toThrow(/STARTTLS|TLS/i);
  expect(server.messages).toEqual([]);
  expect(server.commands.join('\n')).not.toMatch(/AUTH|MAIL|RCPT/);
});

test('what the mail server refuses is an error, without the password in it', async () => {
  const server = await mailServer({ RCPT: '550 no such mailbox' });
  const failed = open(`smtp://gate:hunter2@127.0.0.1:${server.port}`).sendLink('ada@example.com', link);
  const error = await failed.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(String(error)).toContain('550');
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/hunter2|token=/);
});

test('an SMTP_URL that is none is refused without being shown', () => {
  for (const smtpUrl of ['hunter2', 'http://hunter2@mail.example.com', 'smtp:hunter2'])
    expect(() => openMail({ smtpUrl, from: 'a@b' })).toThrow(/^SMTP_URL is no address of a mail server$/);
});
