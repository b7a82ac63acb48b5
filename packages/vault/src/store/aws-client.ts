/** Where a service of AWS is, and who asks. */
export interface AwsConnection {
  /** AWS region; `undefined`: what the environment of the AWS SDK says. */
  readonly region?: string | undefined;
  /** Another address of the service; `undefined`: that of the region. */
  readonly endpoint?: string | undefined;
  /** `undefined`: the AWS SDK's own search (environment, container role, instance role). */
  readonly credentials?:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
    | undefined;
}

/** When a client gives up, and how many connections it opens. */
export interface AwsLimits {
  readonly connectMs: number;
  /** Until an answer begins. */
  readonly answerMs: number;
  /** Between two signs of life; not given: as long as the answer may take. */
  readonly silenceMs?: number;
  readonly sockets: { readonly maxSockets: number; readonly maxFreeSockets?: number };
}

/** What the clients of the AWS SDK are opened with. */
export function awsOptions(
  { region, endpoint, credentials }: AwsConnection,
  { connectMs, answerMs, silenceMs, sockets }: AwsLimits,
) {
  const agent = { ...sockets, keepAlive: true };
  return {
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: answerMs,
      throwOnRequestTimeout: true,
      ...(silenceMs === undefined ? {} : { socketTimeout: silenceMs }),
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}
