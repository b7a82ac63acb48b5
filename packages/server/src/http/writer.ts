import type { ServerResponse } from 'node:http';
import type { Reply } from '../domain/reply.ts';

/** A {@link Reply} that writes to a response of node:http. @param extra headers that go with every answer, such as rate limits */
export function replyOver(response: ServerResponse, extra: Readonly<Record<string, string>> = {}): Reply {
  return {
    // No accessors here: an object literal with one gets a hidden class of its own, request by request.
    begun: () => response.headersSent,
    send(status, headers, body) {
      if (response.destroyed) return;
      // A status without a body (RFC 9110 §6.4.1) has no length either.
      const length = status === 204 || status === 304 ? {} : { 'content-length': body.byteLength };
      response.writeHead(status, { ...extra, ...headers, ...length });
      response.end(body);
    },
    head(status, headers) {
      if (response.destroyed) return;
      response.writeHead(status, { ...extra, ...headers });
      response.flushHeaders();
    },
    write(chunk) {
      if (response.destroyed || response.write(chunk)) return true;
      return new Promise((resolve) => {
        const go = (): void => {
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
