import { join, relative } from 'node:path';
import { refuse } from '../errors.ts';

// Longer names do not fit into a socket address (sockaddr_un: 108 bytes on Linux, 104 on macOS).
const pathBytesMax = 100;

/**
 * Where the command line meets the running process: a Unix socket in the data directory, 0600.
 *
 * @returns the absolute path, or, when that is too long, the path from the working directory
 * @throws Refusal `config_invalid` when both are too long
 */
export function adminSocketPath(dataDirectory: string, cwd: string): string {
  return socketPath(join(dataDirectory, 'sealgate.sock'), cwd);
}

/** Where `sealgate stdio` meets the running process; as {@link adminSocketPath}. @throws Refusal `config_invalid` */
export function mcpSocketPath(dataDirectory: string, cwd: string): string {
  return socketPath(join(dataDirectory, 'mcp.sock'), cwd);
}

function socketPath(path: string, cwd: string): string {
  const fitting = [path, relative(cwd, path)].find((one) => Buffer.byteLength(one) <= pathBytesMax);
  if (fitting === undefined)
    throw refuse(
      'config_invalid',
      `DATA_DIR is too long for a Unix socket (${pathBytesMax} bytes with the socket's name); use a shorter one`,
      path,
    );
  return fitting;
}
