import type { Act } from '../acts.ts';

// Which event class of OCSF 1.8.0 (https://schema.ocsf.io/1.8.0) an act is, and which of its activities. What a class has
// no activity for is 99, with the act as its name.

/** Classes that are used. `category`: the first digit of the class. */
export const ocsfClasses = {
  entity: { uid: 3004, name: 'Entity Management', category: 'Identity & Access Management' },
  access: { uid: 3005, name: 'User Access Management', category: 'Identity & Access Management' },
  authentication: { uid: 3002, name: 'Authentication', category: 'Identity & Access Management' },
  lifecycle: { uid: 6002, name: 'Application Lifecycle', category: 'Application Activity' },
  api: { uid: 6003, name: 'API Activity', category: 'Application Activity' },
  datastore: { uid: 6005, name: 'Datastore Activity', category: 'Application Activity' },
  eventLog: { uid: 1008, name: 'Event Log Activity', category: 'System Activity' },
} as const;

/** One of {@link ocsfClasses}. */
export type OcsfClass = keyof typeof ocsfClasses;

/** Activities by number, as far as they are used. */
const activities: Readonly<Record<OcsfClass, Readonly<Record<string, number>>>> = {
  entity: { Create: 1, Update: 3, Delete: 4, Move: 5, Enable: 8, Disable: 9 },
  access: { 'Assign Privileges': 1 },
  authentication: { Logon: 1, Logoff: 2 },
  lifecycle: { Start: 3, Stop: 4 },
  api: { Create: 1, Read: 2, Update: 3, Delete: 4 },
  datastore: { Read: 1, Update: 2, Write: 5, Create: 6, Delete: 7, Encrypt: 9, Decrypt: 10 },
  eventLog: { Delete: 2, Export: 3, Archive: 4 },
};

/** Every act: its class, and its activity; `undefined` for one that the class does not name. */
const classes: Readonly<Record<Act, readonly [OcsfClass, string?]>> = {
  'audit.anchor': ['eventLog'],
  'audit.archive': ['eventLog', 'Archive'],
  'audit.clock': ['eventLog'],
  'audit.device': ['eventLog'],
  'audit.expire': ['eventLog', 'Delete'],
  'audit.export': ['eventLog', 'Export'],
  'audit.gap': ['eventLog'],
  'audit.hold': ['eventLog'],
  'audit.read': ['eventLog'],
  'audit.release': ['eventLog'],
  'audit.unanchored': ['eventLog'],
  'audit.verify': ['eventLog'],
  'auditor.add': ['entity', 'Create'],
  'auditor.remove': ['entity', 'Delete'],
  'child.lend': ['datastore', 'Decrypt'],
  'child.start': ['lifecycle', 'Start'],
  'client.add': ['entity', 'Create'],
  'client.allow': ['access', 'Assign Privileges'],
  'client.invite': ['entity', 'Create'],
  'client.remove': ['entity', 'Delete'],
  'connection.remove': ['entity', 'Delete'],
  'connection.set': ['entity', 'Update'],
  'data.export': ['datastore', 'Read'],
  'data.exported': ['datastore', 'Read'],
  'data.imported': ['datastore', 'Write'],
  'gateway.start': ['lifecycle', 'Start'],
  'gateway.stop': ['lifecycle', 'Stop'],
  'key.create': ['entity', 'Create'],
  'key.disable': ['entity', 'Disable'],
  'key.enable': ['entity', 'Enable'],
  'key.move': ['entity', 'Move'],
  'key.revoke': ['entity', 'Update'],
  'key.rotate': ['entity', 'Update'],
  'key.shred': ['entity', 'Delete'],
  'mcp.answer': ['api'],
  'mcp.complete': ['api', 'Read'],
  'mcp.discover': ['api', 'Read'],
  'mcp.listen': ['api', 'Read'],
  'mcp.log_level': ['api', 'Update'],
  'mcp.notification': ['api'],
  'mcp.other': ['api'],
  'mcp.ping': ['api', 'Read'],
  'person.link': ['authentication'],
  'person.sign_in': ['authentication', 'Logon'],
  'person.sign_out': ['authentication', 'Logoff'],
  'prompt.get': ['api', 'Read'],
  'prompt.list': ['api', 'Read'],
  'resource.list': ['api', 'Read'],
  'resource.read': ['api', 'Read'],
  'resource.subscribe': ['api', 'Create'],
  'resource.unsubscribe': ['api', 'Delete'],
  'session.close': ['api', 'Delete'],
  'session.open': ['api', 'Create'],
  'session.stream': ['api', 'Read'],
  'task.cancel': ['api', 'Delete'],
  'task.get': ['api', 'Read'],
  'task.list': ['api', 'Read'],
  'task.result': ['api', 'Read'],
  'task.update': ['api', 'Update'],
  'tenant.set': ['entity', 'Update'],
  'token.delete': ['datastore', 'Delete'],
  'token.get': ['datastore', 'Decrypt'],
  'token.mint': ['datastore', 'Create'],
  'token.revoke': ['datastore'],
  'token.store': ['datastore', 'Encrypt'],
  // What a tool does is the upstream's to know.
  'tool.call': ['api'],
  'tool.list': ['api', 'Read'],
  'upstream.add': ['entity', 'Create'],
  'upstream.remove': ['entity', 'Delete'],
};

/** What an act is in OCSF. An act of a version that is not ours is an API Activity without a name for it. */
export function ocsfOf(act: string): {
  readonly kind: OcsfClass;
  readonly activity: { readonly id: number; readonly name: string };
} {
  const [kind, name] = Object.hasOwn(classes, act) ? classes[act as Act] : (['api'] as const);
  const id = name === undefined ? undefined : activities[kind][name];
  return { kind, activity: id === undefined ? { id: 99, name: act } : { id, name: name! } };
}
