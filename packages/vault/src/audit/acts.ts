// Every act that an entry can be of. `docs/audit.md` has the same list with the reasons; a test holds list, page and code
// equal. What is not here does not type-check as an act.

/**
 * How sure an entry must be before the act goes on. `strict`: durable before the effect. `group`: durable before the
 * reply. `async`: queued; blocks when the queue is full, never drops.
 */
export type AuditClass = 'strict' | 'group' | 'async';

/** What is known of an act. */
export interface ActSpec {
  /** How sure its entry is before the act goes on; of `token.*` unless `auditClass` says another. */
  readonly cls: AuditClass;
  /** The form of the object, with names in angle brackets. */
  readonly object: string;
}

const strict = (object: string) => ({ cls: 'strict', object }) as const;
const async = (object: string) => ({ cls: 'async', object }) as const;

const auditor = 'auditor:<name>';
const connection = 'connection:<group>/<connection>';
const lent = `${connection}, or upstream:<upstream>`;
const served = `${lent}, or upstreams`;
const client = 'client:<client>';
const keys = 'keys:<group>';
const log = 'log:<group>, or log:*';
const person = 'person:<person>';
const token = 'token:<client>/<provider>';
const upstream = 'upstream:<group>/<upstream>';

/** Every act, by name, in order. */
export const acts = {
  'audit.anchor': strict('anchor:<place>/<size>'),
  'audit.archive': strict('month:<month>'),
  'audit.clock': async('clock:<seconds>'),
  'audit.device': async('device:<device>'),
  'audit.expire': strict('log:<origin>'),
  'audit.export': strict(log),
  'audit.gap': strict(log),
  'audit.hold': strict(log),
  'audit.read': async(log),
  'audit.release': strict(log),
  'audit.unanchored': strict('anchor:<place>'),
  'audit.verify': async(log),
  'auditor.add': strict(auditor),
  'auditor.remove': strict(auditor),
  'child.lend': strict(lent),
  'child.start': strict('upstream:<upstream>'),
  'client.add': strict('client:new'),
  'client.allow': strict(client),
  'client.invite': strict('client:new'),
  'client.remove': strict(client),
  'connection.remove': strict(connection),
  'connection.set': strict(connection),
  'data.export': strict('what is taken, such as tables,journal'),
  'data.exported': strict('how much it was'),
  'data.imported': strict('how much it was'),
  'gateway.start': strict('gateway'),
  'gateway.stop': strict('gateway'),
  'key.create': strict('key:<group>'),
  'key.disable': strict(keys),
  'key.enable': strict(keys),
  'key.move': strict(`${keys}, or keys:*`),
  'key.revoke': strict(keys),
  'key.rotate': strict(`${keys}, or keys:*`),
  'key.shred': strict(`${keys}, or ${person}`),
  'mcp.answer': strict(served),
  'mcp.complete': strict(served),
  'mcp.discover': strict(served),
  'mcp.listen': strict(served),
  'mcp.log_level': strict(served),
  'mcp.notification': strict(served),
  'mcp.other': strict(served),
  'mcp.ping': strict(served),
  'person.link': strict(person),
  'person.sign_in': strict(person),
  'person.sign_out': { cls: 'group', object: person },
  'prompt.get': strict(served),
  'prompt.list': strict(served),
  'resource.list': strict(served),
  'resource.read': strict(served),
  'resource.subscribe': strict(served),
  'resource.unsubscribe': strict(served),
  'session.close': strict(served),
  'session.open': strict(served),
  'session.stream': strict(served),
  'task.cancel': strict(served),
  'task.get': strict(served),
  'task.list': strict(served),
  'task.result': strict(served),
  'task.update': strict(served),
  'tenant.set': strict('tenant:<group>'),
  'token.delete': async(token),
  'token.get': async(token),
  'token.mint': async(token),
  'token.revoke': async(token),
  'token.store': async(token),
  'tool.call': strict(served),
  'tool.list': strict(served),
  'upstream.add': strict(upstream),
  'upstream.remove': strict(upstream),
} as const satisfies Readonly<Record<string, ActSpec>>;

/** One of {@link acts}: what was tried, as a dotted verb. */
export type Act = keyof typeof acts;
