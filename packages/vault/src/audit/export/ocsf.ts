import type { Call } from '../calls.ts';
import type { AuditOutcome, Entry } from '../entry.ts';
import { ocsfClasses, ocsfOf, type OcsfClass } from './ocsf-classes.ts';

// A call as an event of OCSF 1.8.0. Each has what its class requires; what OCSF has no place for is in `unmapped`, under the
// names of the entry.

/** An event, ready to be written as JSON. */
export type OcsfEvent = Readonly<Record<string, unknown>>;

const version = '1.8.0';
const product = { name: 'Sealgate', vendor_name: 'Sealgate', feature: { name: 'audit journal' } };

// Statuses: 0 Unknown, 1 Success, 2 Failure, 99 Other.
const statuses: Readonly<Record<AuditOutcome['out'], readonly [number, string]>> = {
  success: [1, 'Success'],
  failure: [2, 'Failure'],
  denied: [2, 'Failure'],
  error: [2, 'Failure'],
  aborted: [99, 'aborted'],
  unknown: [0, 'Unknown'],
};

/** Where an entry stands in the sealed log. */
export interface OcsfPlace {
  /** The log's origin. */
  readonly log: string;
  readonly index: number;
}

/** Where the entries of a call stand; `undefined`: in no log. */
export interface OcsfPlaces {
  readonly attempt: OcsfPlace | undefined;
  readonly outcome: OcsfPlace | undefined;
}

const nowhere: OcsfPlaces = { attempt: undefined, outcome: undefined };

/** The event of a call. Its time is that of the attempt. @param places stand in `unmapped.proof` */
export function ocsfEvent({ attempt, outcome }: Call, places: OcsfPlaces = nowhere): OcsfEvent {
  const act = attempt.act ?? '';
  const { kind, activity } = ocsfOf(act);
  const { uid, name, category } = ocsfClasses[kind];
  const [status_id, status] = statuses[outcome?.out ?? 'unknown'];
  const denied = outcome?.out === 'denied';
  return {
    activity_id: activity.id,
    activity_name: activity.name,
    category_uid: Math.floor(uid / 1000),
    category_name: category,
    class_uid: uid,
    class_name: name,
    type_uid: uid * 100 + activity.id,
    type_name: `${name}: ${activity.id === 99 ? 'Other' : activity.name}`,
    // 1 Informational, 2 Low, 3 Medium.
    severity_id: denied ? 3 : status_id === 2 ? 2 : 1,
    time: attempt.ts,
    ...(outcome === undefined ? {} : { end_time: outcome.ts }),
    ...(outcome?.ms === undefined ? {} : { duration: outcome.ms }),
    status_id,
    status,
    ...(outcome?.code === undefined ? {} : { status_code: outcome.code }),
    message: [act, attempt.obj].filter(Boolean).join(' '),
    metadata: {
      version,
      product,
      uid: attempt.id,
      correlation_uid: attempt.corr,
      tenant_uid: attempt.tenant,
      log_name: 'audit',
      // Application Lifecycle has an actor in this profile alone.
      ...(kind === 'lifecycle' ? { profiles: ['host'] } : {}),
    },
    ...ofClass[kind](attempt),
    unmapped: unmappedOf(attempt, outcome, places),
  };
}

/** What a class has of its own, required attributes first. */
const ofClass: Readonly<Record<OcsfClass, (attempt: Entry) => OcsfEvent>> = {
  entity: (attempt) => ({ entity: entityOf(attempt), actor: actorOf(attempt) }),
  access: (attempt) => ({
    user: userOf(attempt),
    privileges: ['mcp'],
    resources: [{ uid: attempt.obj, type: 'client' }],
    actor: actorOf(attempt),
  }),
  authentication: (attempt) => ({
    user: userOf(attempt),
    service: { name: 'Sealgate' },
    actor: actorOf(attempt),
    src_endpoint: endpointOf(attempt),
  }),
  lifecycle: (attempt) => ({
    app: attempt.svc === undefined ? product : { name: attempt.svc },
    actor: actorOf(attempt),
  }),
  api: (attempt) => ({
    actor: actorOf(attempt),
    api: {
      operation: attempt.req?.method ?? attempt.act,
      ...(attempt.svc === undefined ? {} : { service: { name: attempt.svc } }),
      ...(attempt.req?.params === undefined
        ? {}
        : { request: { uid: attempt.corr, data: attempt.req.params } }),
    },
    src_endpoint: endpointOf(attempt),
    resources: [
      { uid: attempt.obj ?? '', ...(attempt.req?.tool === undefined ? {} : { name: attempt.req.tool }) },
    ],
    ...(attempt.src?.agent === undefined ? {} : { http_request: { user_agent: attempt.src.agent } }),
  }),
  datastore: (attempt) => ({
    actor: actorOf(attempt),
    src_endpoint: endpointOf(attempt),
    table: { name: typeOf(attempt), uid: attempt.obj ?? '' },
    type_id: 3,
    type: 'Table',
  }),
  eventLog: (attempt) => ({
    log_name: 'audit',
    log_provider: 'Sealgate',
    actor: actorOf(attempt),
  }),
};

// User types: 1 User, 3 System, 4 Service.
const userTypes = { person: [1, 'User'], system: [3, 'System'], client: [4, 'Service'] } as const;

function userOf({ actor }: Entry): OcsfEvent {
  const [type_id, type] = userTypes[actor?.type ?? 'system'];
  return { uid: actor?.id ?? 'unknown', type_id, type };
}

function actorOf(attempt: Entry): OcsfEvent {
  return { user: userOf(attempt), session: { uid: attempt.corr } };
}

/** Where it came from: an address, or how it came in. */
function endpointOf({ src }: Entry): OcsfEvent {
  return { ...(src?.ip === undefined ? {} : { ip: src.ip }), svc_name: src?.source ?? 'system' };
}

function entityOf(attempt: Entry): OcsfEvent {
  return {
    uid: attempt.obj ?? '',
    type: typeOf(attempt),
    ...(attempt.svc === undefined ? {} : { name: attempt.svc }),
  };
}

function typeOf({ obj = '' }: Entry): string {
  return /^[a-z]+(?=:)/.exec(obj)?.[0] ?? 'data';
}

function unmappedOf(attempt: Entry, outcome: Entry | undefined, places: OcsfPlaces): OcsfEvent {
  const placed = places.attempt !== undefined || places.outcome !== undefined;
  return {
    id: attempt.id,
    v: attempt.v,
    cls: attempt.cls,
    act: attempt.act,
    obj: attempt.obj,
    src: attempt.src,
    req: attempt.req,
    pol: attempt.pol,
    flags: attempt.flags,
    ...(outcome === undefined
      ? {}
      : { outcome: { id: outcome.id, out: outcome.out, code: outcome.code, bytes: outcome.bytes } }),
    ...(placed ? { proof: { attempt: places.attempt, outcome: places.outcome } } : {}),
  };
}
