import {
  besideRecords,
  sealedRecords,
  sealedSessions,
  sealedTables,
  sessionRecords,
  systemTenant,
  tableRecords,
  type Records,
} from '@sealgate/vault';
import type { FastifyInstance } from 'fastify';
import { openMagicLinks, type MagicLinks } from '../auth/magic-links.ts';
import { openMail } from '../auth/mail.ts';
import { problemPage } from '../auth/pages/problem-page.ts';
import { signInRoutes, type SignInParts } from '../auth/sign-in.ts';
import { openWebSessions, type WebSessions } from '../auth/web-session.ts';
import type { AppConfig, SignInConfig } from '../config.ts';
import type { LimitSettings } from '../domain/limit.ts';
import type { People } from '../domain/people.ts';
import type { ProblemPage } from '../domain/route-config.ts';
import type { Log } from '../log.ts';
import type { Ground } from './ground.ts';

const minuteMs = 60_000;
/** Mail leaves within this time, at a random moment. */
const mailSpreadMs = 2000;
/** Links to one mailbox: more in a quarter of an hour would only annoy its owner. */
const mailbox = { limit: 5, windowMs: 15 * minuteMs, keysMax: 100_000 };

/** Signing in in a browser. */
export interface SignIn {
  readonly sessions: WebSessions;
  readonly people: People;
  /** `firstStartLink` and `linkFor` are for the operator. */
  readonly links: MagicLinks;
  readonly page: ProblemPage;
  routes(app: FastifyInstance): void;
  /** Wait for mail that is on its way. */
  close(): Promise<void>;
}

/** What signing in needs beside an open data directory. */
export interface SignInMeans {
  /** Where people reach the gateway, without a trailing slash. */
  readonly origin: () => string;
  readonly log: Log;
  /** Takes a line with a sign-in link when development has no mail. The log never has one. */
  print(line: string): void;
}

/** What signing in is opened on. */
export interface SignInGround {
  readonly ground: Ground;
  readonly config: AppConfig;
  readonly now: () => number;
}

/** @returns `undefined` with `ENABLE_WEBUI=false` */
export function openSignIn(
  { ground, config, now }: SignInGround,
  { origin, log, print }: SignInMeans,
): SignIn | undefined {
  const { signIn } = config;
  if (signIn === undefined) return undefined;
  const way = wayOf(signIn, config.environment === 'production', print);
  const sessions = openWebSessions({
    records: sessionsOf(ground, now),
    now,
    secure: config.publicOrigin?.startsWith('https:') === true,
  });
  const { people } = ground;
  const links = openMagicLinks({
    tables: sealedTables(ground.tables, ground.sealer),
    people,
    origin,
    deliver: way.deliver,
    spreadMs: way.delivery === 'mail' ? mailSpreadMs : 1,
    signUp: signIn.signUp,
    limits: {
      signUps: ground.limits('signup', inMinute(signIn.signUpsPerMinute)),
      mailbox: ground.limits('mailbox', mailbox),
    },
    failed: (error) => log.error({ err: error }, 'a sign-in link could not be delivered'),
    now,
  });
  const { audit } = ground;
  const logins = ground.limits('login', inMinute(signIn.loginsPerMinute));
  const { delivery } = way;
  return {
    sessions,
    people,
    links,
    page: problemPage,
    routes: (app) =>
      signInRoutes(app, { sessions, links, people, audit, delivery, logins, windowMs: minuteMs, now }),
    async close() {
      await links.close();
      way.close();
    },
  };
}

/** Those of earlier versions lie in `records`; they are used there until they end, within 30 days. */
function sessionsOf({ tables, sealer }: Ground, now: () => number): Records {
  const earlier = sealedRecords(tableRecords(tables, { now }), sealer, {
    kind: 'session',
    table: 'web_sessions',
    tenant: systemTenant,
  });
  return besideRecords(sealedSessions(sessionRecords(tables, { now }), sealer), earlier);
}

function inMinute(limit: number): LimitSettings {
  return { limit, windowMs: minuteMs, keysMax: 100_000 };
}

interface Way {
  readonly delivery: SignInParts['delivery'];
  readonly deliver: ((address: string, link: string) => Promise<void>) | undefined;
  close(): void;
}

function wayOf({ mail }: SignInConfig, production: boolean, print: (line: string) => void): Way {
  if (mail !== undefined) {
    const { sendLink, close } = openMail({ smtpUrl: mail.smtpUrl.reveal(), from: mail.from });
    return { delivery: 'mail', deliver: sendLink, close };
  }
  const close = (): void => undefined;
  if (production) return { delivery: 'none', deliver: undefined, close };
  const deliver = async (address: string, link: string): Promise<void> =>
    print(`Sign-in link for ${address}: ${link}`);
  return { delivery: 'terminal', deliver, close };
}
