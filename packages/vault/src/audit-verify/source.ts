import { bundleBytesMax } from '../tlog/bundle.ts';

/** Where a log is read from. Paths are those of the layout; what is there is not trusted. */
export interface LogSource {
  /**
   * @returns `undefined` when nothing is there
   * @throws Refusal `log_unreadable` when it cannot be said, or what is there is no file or has more than `bytesMax`
   */
  read(path: string, bytesMax: number): Promise<Uint8Array | undefined>;
}

/** Most bytes of each kind of file. */
export const bytesMax = {
  policy: 65_536,
  manifest: 16_777_216,
  checkpoint: 1_000_000,
  tile: 8192,
  bundle: bundleBytesMax,
  bodies: 67_108_864,
  anchors: 16_777_216,
} as const;

/** A path of the layout, so one that cannot lead out of its folder: no empty step, no `.`, no `..`, no other sign. */
export function isLogPath(path: string): boolean {
  return path.split('/').every((step) => /^(?!\.{1,2}$)[\w.!~*'()%-]+$/.test(step));
}

/** Text in UTF-8; `undefined` when it is none. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
