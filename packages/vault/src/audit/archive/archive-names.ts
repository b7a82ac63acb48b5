import { hash } from 'node:crypto';

// Where archived months lie among the blobs. Instances may share them, so the log's name comes first:
//
//   audit/<log>/months/<yyyymm>.json             what the month has; the last blob that is written of it
//   audit/<log>/anchors/<time>                   checkpoints that were noted there: see `anchors.ts`
//   audit/<log>/<yyyymm>/policy.json
//   audit/<log>/<yyyymm>/logs/<scope>/<shard>/…  checkpoint, tile/…, as everywhere; sealed/<n>.jsonl: the sealed bodies of
//                                                bundle n; manifest.json: every piece, the last that is written of a log
//
// A month is a log folder by itself, but for the log over all logs, which stays where it is.

/** Names of blobs of one log. */
export interface ArchiveNames {
  /** Of all months' own blobs. */
  readonly months: string;
  /** Of all checkpoints that were noted. */
  readonly anchors: string;
  month(month: string): string;
  policy(month: string): string;
  log(month: string, log: ArchivedName): LogBlobs;
}

/** Names of blobs of the log of one tenant and month. */
export interface LogBlobs {
  readonly manifest: string;
  piece(path: string): string;
}

/** A log, as it is called in paths. */
export interface ArchivedName {
  /** The escaped tenant. */
  readonly scope: string;
  readonly shard: string;
}

/** @param deployment what strangers know the log by */
export function archiveNames(deployment: string): ArchiveNames {
  const base = `audit/${blobPart(deployment)}`;
  return {
    months: `${base}/months/`,
    anchors: `${base}/anchors/`,
    month: (month) => `${base}/months/${month}.json`,
    policy: (month) => `${base}/${month}/policy.json`,
    log(month, { scope, shard }) {
      const folder = `${base}/${month}/logs/${blobPart(scope)}/${shard}`;
      return { manifest: `${folder}/manifest.json`, piece: (path) => `${folder}/${path}` };
    },
  };
}

/** A part of a blob's name: the text itself where the rules of names let it, else its hash. */
function blobPart(text: string): string {
  const plain = /^[a-z0-9_][a-z0-9._-]{0,149}$/.test(text) && !/^h-[0-9a-f]{64}$/.test(text);
  return plain ? text : `h-${hash('sha256', text, 'hex')}`;
}

/** The month that a shard belongs to: `202611` of `202611-2`. */
export function monthOfShard(shard: string): string {
  return shard.slice(0, 6);
}
