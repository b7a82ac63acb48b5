import { choice, text, webhook, whole } from './parsers.ts';

/** The variables of anchors: checkpoints of the audit log that are noted elsewhere. */
export const anchorVariables = {
  AUDIT_ANCHOR_URL: {
    group: 'core',
    doc: 'Where the signed checkpoint of the audit log is sent, as a `POST` of plain text ([audit.md](audit.md#anchors)). `https` to the public network, or `http` to this machine. Not set: nowhere.',
    default: undefined,
    secret: true,
    parse: webhook,
    expected: 'an address such as https://anchors.example.com/gate, without user or fragment',
  },
  AUDIT_ANCHOR_SECRET: {
    group: 'core',
    doc: 'Signs what is sent to `AUDIT_ANCHOR_URL`, as in Standard Webhooks: any text, or `whsec_` and base64. Not set: it is not signed, but for the checkpoint itself.',
    default: undefined,
    secret: true,
    parse: text,
    expected: 'a text',
  },
  AUDIT_ANCHOR_ARCHIVE: {
    group: 'core',
    doc: 'Whether the checkpoint is put among the blobs as well, locked where the bucket has Object Lock. Not set: `true` with `STORAGE_TYPE=s3`, else `false`, since whoever can change the log on this disk can change a copy beside it.',
    default: undefined,
    secret: false,
    parse: choice('true', 'false').transform((word) => word === 'true'),
    expected: 'true or false',
  },
  AUDIT_ANCHOR_INTERVAL_SECONDS: {
    group: 'core',
    doc: 'How often the checkpoint is noted elsewhere, when the log has grown; once a day anyway. What is younger can be rewritten unseen by whoever has this machine and its keys.',
    default: '3600',
    unit: 'seconds',
    secret: false,
    parse: whole(60, 86_400),
    expected: 'a whole number from 60 to 86400',
  },
} as const;
