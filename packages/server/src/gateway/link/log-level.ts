/** Levels of `notifications/message`, least severe first (RFC 5424 §6.2.1). */
export const logLevels = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;

/** One of {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

/** The value when it is a level. */
export function logLevelOf(value: unknown): LogLevel | undefined {
  return logLevels.find((level) => level === value);
}

/** Whether a message of this level is for somebody who asked for `wanted`. */
export function isLoud(level: unknown, wanted: LogLevel | undefined): boolean {
  const known = logLevelOf(level);
  return known !== undefined && wanted !== undefined && logLevels.indexOf(known) >= logLevels.indexOf(wanted);
}

/** The least severe level that anybody asked for: what a shared child must be set to. */
export function mostVerbose(
  listeners: Iterable<{ readonly level: LogLevel | undefined }>,
): LogLevel | undefined {
  const wanted = new Set([...listeners].map(({ level }) => level));
  return logLevels.find((level) => wanted.has(level));
}
