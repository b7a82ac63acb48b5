import type { JournalHealth } from '@sealgate/vault';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Ground } from './ground.ts';

/** How writing down, sealing and anchoring do, for the health of the gateway. */
export function auditHealth({ auditLog, journal, auditAnchors }: Ground) {
  return {
    sealing: auditLog.health().failing ? 'failing' : 'ok',
    journal: journalState(journal.health()),
    anchors: auditAnchors.health().state,
  };
}

/** The same in figures. */
export function observeAudit(metrics: Metrics, ground: Ground): void {
  const { journal } = ground;
  metrics.observe(
    'sealgate_journal_waiting',
    'Journal entries that wait for the disk.',
    () => journal.health().waiting,
  );
  metrics.observe(
    'sealgate_journal_lost',
    'Outcomes the journal had no room for.',
    () => journal.health().lost,
  );
  observeLog(metrics, ground);
  observeAnchors(metrics, ground.auditAnchors);
}

function observeLog(metrics: Metrics, { auditLog, journal, befallen }: Ground): void {
  const { observe } = metrics;
  observe(
    'sealgate_audit_gaps',
    'Entries of the audit log found missing, occasions since the start.',
    () => befallen().gaps,
  );
  observe('sealgate_audit_clock_steps', 'Jumps of the clock since the start.', () => befallen().clockSteps);
  metrics.observeEach(
    'sealgate_audit_devices',
    'Devices of the audit journal: 1 for the state it is in.',
    () =>
      devicesOf(journal.health()).flatMap(({ device, state: is }) =>
        deviceStates.map((state) => ({ labels: { device, state }, value: Number(is === state) })),
      ),
  );
  const { health } = auditLog;
  observe('sealgate_audit_log_sealed', 'Entries sealed into the audit log.', () => health().sealed);
  observe('sealgate_audit_log_backlog', 'Entries that wait to be sealed.', () => health().backlog);
  observe('sealgate_audit_log_failures', 'Failures of sealing the audit log.', () => health().failures);
  observe('sealgate_audit_log_failing', 'Whether sealing the audit log failed last: 1 or 0.', () =>
    Number(health().failing),
  );
}

const deviceStates = ['ok', 'catching_up', 'failed'] as const;

function devicesOf({ devices, failing }: JournalHealth): JournalHealth['devices'] {
  return devices.length > 0 ? devices : [{ device: 'journal', state: failing ? 'failed' : 'ok' }];
}

/** `degraded`: entries are durable, on fewer devices than there should be. */
function journalState(health: JournalHealth): 'ok' | 'degraded' | 'failing' {
  if (health.failing) return 'failing';
  return devicesOf(health).every(({ state }) => state === 'ok') ? 'ok' : 'degraded';
}

function observeAnchors({ observe }: Metrics, { health }: Ground['auditAnchors']): void {
  observe(
    'sealgate_audit_anchor_made',
    'Checkpoints of the audit log noted elsewhere.',
    () => health().anchored,
  );
  observe('sealgate_audit_anchor_failures', 'Failures of noting one elsewhere.', () => health().failures);
  observe('sealgate_audit_anchor_overdue', 'Whether a place got none for three intervals: 1 or 0.', () =>
    Number(health().state === 'overdue'),
  );
}
