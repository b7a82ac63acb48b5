import type { ServerResponse } from 'node:http';
import type { Reply } from '../domain/reply.ts';
import { cutUnread } from './unread.ts';

/** How an answer is written. */
export interface Writing {
  /** Headers that go with every answer, such as rate limits. */
  readonly extra: Readonly<Record<string, string>>;
  /** Longest wait for a client to take a piece. */
  readonly unreadMs: number;
}

/** A {@link Reply} that writes to a response of node:http. */
export function replyOver(response: ServerResponse, { extra, unreadMs }: Writing): Reply {
  return {
    // No accessors here: an object literal with one gets a hidden class of its own, request by request.
    begun: () => response.headersSent,
    send(status, headers, body) {
      if (isOver(response)) return;
      // A status without a body (RFC 9110 §6.4.1) has no length either.
      const length = status === 204 || status === 304 ? {} : { 'content-length': body.byteLength };
      response.writeHead(status, { ...extra, ...headers, ...length });
      response.end(body);
    },
    head(status, headers) {
      if (isOver(response)) return;
      response.writeHead(status, { ...extra, ...headers });
      response.flushHeaders();
    },
    write(chunk) {
      if (isOver(response) || response.write(chunk)) return true;
      return new Promise((resolve) => {
        const stopCut = cutUnread(response, unreadMs);
        const go = (): void => {
          stopCut();
          response.off('drain', go);
          response.off('close', go);
          resolve();
        };
        response.on('drain', go);
        response.on('close', go);
      });
    },
    end() {
      response.end();
    },
    cut() {
      response.destroy();
    },
  };
}

// A stream that the gateway ended on its way down is written to until its upstream has heard of it.
function isOver({ destroyed, writableEnded }: ServerResponse): boolean {
  return destroyed || writableEnded;
}
