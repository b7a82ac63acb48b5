import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLegacyRequest } from '@modelcontextprotocol/server';
import type { Audit, Gate, Tables } from '@sealgate/vault';
import type { Log } from '../../log.ts';
import { openChildren, type Children } from './children.ts';
import { openEras } from './eras.ts';
import { askOf, type Entrant } from './front.ts';
import type { ChildLimits } from './limits.ts';
import { openModern } from './modern.ts';
import { openSessions } from './sessions.ts';
import { webRequest, writeResponse } from '../front/web.ts';

/** MCP servers that run as children of the gateway, served over Streamable HTTP in both eras. */
export interface Stdio {
  /**
   * Answer one request. Whether the caller may was decided before.
   *
   * @throws Refusal before anything is written: `session_unknown`, `overloaded`, `credential_missing`, `upstream_unavailable`,
   *   `audit_unavailable`, and those of opening a credential
   */
  serve(request: IncomingMessage, response: ServerResponse, entrant: Entrant): Promise<void>;
  /** The children, to start one for `doctor` and to end those of a removed upstream. */
  readonly children: Children;
  /** Open sessions. */
  sessionCount(): number;
  /** End every session and child. */
  close(): Promise<void>;
}

/** What serving needs. */
export interface StdioParts {
  readonly audit: Audit;
  readonly gate: Pick<Gate, 'lendToChild' | 'onChange'>;
  readonly tables: Tables;
  readonly limits: ChildLimits;
  readonly log: Log;
  readonly now: () => number;
  /** A fresh session id: unguessable, visible ASCII. */
  readonly sessionId: () => string;
  /** Ours, told to children. */
  readonly version: string;
}

/** Open it; no child is started before somebody asks. */
export function openStdio(parts: StdioParts): Stdio {
  const children = openChildren({ ...parts, eras: openEras(parts.tables, parts.now) });
  const relaying = { ...parts, callTimeoutMs: parts.limits.callSeconds * 1000 };
  const sessions = openSessions({ ...relaying, children });
  const modern = openModern(relaying);
  return {
    async serve(request, response, entrant) {
      const asked = webRequest(request, response);
      const legacy = await isLegacyRequest(asked, entrant.body);
      const { response: answer, done } = legacy
        ? await sessions.answer(entrant, asked)
        : await modern.answer({ entrant, ...(await children.reach(askOf(entrant))) }, asked);
      try {
        await writeResponse(answer, response);
      } finally {
        done();
      }
    },
    children,
    sessionCount: sessions.count,
    async close() {
      await sessions.close();
      await modern.close();
      await children.close();
    },
  };
}
