import type { AuditContext } from '@sealgate/vault';
import type { FastifyRequest } from 'fastify';

/**
 * What the journal is told of somebody in a browser.
 *
 * @param tenant the group in which it is journaled
 */
export function personContext(request: FastifyRequest, tenant: string, subject: string): AuditContext {
  const agent = request.headers['user-agent'];
  return {
    tenant,
    actor: { type: 'person', id: subject },
    source: 'webui',
    correlation: request.id,
    ip: request.ip,
    ...(agent === undefined ? {} : { agent }),
  };
}
