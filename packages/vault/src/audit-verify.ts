// What `@sealgate/vault/audit-verify` is: verifying an audit log with nothing but what was published of it. It holds no key,
// and reads what it is given.
export { verifyExitCodes, type Finding, type LogState } from './audit-verify/findings.ts';
export { folderSource } from './audit-verify/folder-source.ts';
export { scopePart } from './audit-verify/layout.ts';
export type { Progress } from './audit-verify/open-log.ts';
export type { LogSource } from './audit-verify/source.ts';
export { logAddress, urlSource } from './audit-verify/url-source.ts';
export {
  verifyExport,
  type ExportedShare,
  type ExportParts,
  type ExportVerdict,
  type VerifyExportOptions,
} from './audit-verify/verify-export.ts';
export { verifyLog, type LogVerdict, type VerifyOptions } from './audit-verify/verify-log.ts';
export { openTlogProof } from './tlog/tlog-proof.ts';
