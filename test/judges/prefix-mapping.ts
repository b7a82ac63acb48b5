import { StringDecoder } from 'node:string_decoder';
import { Transform } from 'node:stream';
import type { Mapping } from './bearer-proxy.ts';

// The suite asks for tools and prompts by the names of its own fixture; on the address for all upstreams they carry the
// upstream's name. This puts it before what the suite asks for and takes it off what it is shown, and leaves URIs alone.

/** @param upstream whose tools and prompts the suite is to see under their own names */
export function prefixMapping(upstream: string): Mapping {
  const prefix = `${upstream}__`;
  return {
    asked: (body) => prefixedBody(body, prefix),
    header: (method, name) => (method === 'tools/call' || method === 'prompts/get' ? prefix + name : name),
    answered: () => unprefixed(`"name":"${prefix}`, '"name":"'),
  };
}

interface Asked {
  readonly method?: unknown;
  readonly params?: { name?: unknown; ref?: { readonly type?: unknown; name?: unknown } };
}

function prefixedBody(body: string, prefix: string): string {
  let message: Asked;
  try {
    message = JSON.parse(body) as Asked;
  } catch {
    return body;
  }
  const { method, params } = message;
  const put = (holder: { name?: unknown } | undefined): void => {
    if (typeof holder?.name === 'string') holder.name = prefix + holder.name;
  };
  if (method === 'tools/call' || method === 'prompts/get') put(params);
  else if (method === 'completion/complete' && params?.ref?.type === 'ref/prompt') put(params.ref);
  else return body;
  return JSON.stringify(message);
}

/** Line by line, so that events are not held back: a message of an event stream is one line. */
function unprefixed(from: string, to: string): Transform {
  const decoder = new StringDecoder('utf8');
  let begun = '';
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const lines = (begun + decoder.write(chunk)).split('\n');
      begun = lines.pop() ?? '';
      done(null, lines.map((line) => `${line.replaceAll(from, to)}\n`).join(''));
    },
    flush(done) {
      done(null, (begun + decoder.end()).replaceAll(from, to));
    },
  });
}
