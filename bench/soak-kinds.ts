import { connectHttp, type Address, type Connected } from '../test/fixtures/clients.ts';

// The ways in which clients come and go. Each opens a conversation, looks at the tools, calls one three times and checks
// every answer, and goes: properly, or as a client that was killed.

/** One way. */
export interface Kind {
  readonly name: string;
  readonly address: Address;
  readonly era: Connected['era'];
  readonly ending: 'delete' | 'drop';
  /** The tool that gives back its text, and the name of its argument. */
  readonly echo: { readonly tool: string; readonly argument: string };
}

const calls = 3;

/** Come and go once. @throws Error for any answer that is not the right one */
export async function visit({ address, era, ending, echo }: Kind, marker: string): Promise<void> {
  const client = await connectHttp(address, era, ending);
  try {
    const { tools } = (await client.request('tools/list', {})) as { tools: { name: string }[] };
    if (!tools.some(({ name }) => name === echo.tool)) throw new Error(`no tool ${echo.tool} in the list`);
    for (let count = 0; count < calls; count += 1) {
      const text = `${marker}-${count}`;
      const result = await client.request('tools/call', {
        name: echo.tool,
        arguments: { [echo.argument]: text },
      });
      if (!JSON.stringify(result).includes(text))
        throw new Error(`not an echo: ${JSON.stringify(result).slice(0, 200)}`);
    }
  } finally {
    await client.close();
  }
}

/** Every way there is. @param upstream where an upstream is reached; all of them when not named */
export function kindsOf(upstream: (name?: string) => Address): readonly Kind[] {
  const http = { tool: 'echo', argument: 'text' };
  const child = { tool: 'echo', argument: 'message' };
  const all = { tool: 'http__echo', argument: 'text' };
  const kind = (
    name: string,
    [era, ending]: readonly [Kind['era'], Kind['ending']],
    [address, echo]: readonly [Address, Kind['echo']],
  ): Kind => ({ name, address, era, ending, echo });
  return [
    kind('HTTP, session', ['legacy', 'delete'], [upstream('http'), http]),
    kind('HTTP, session dropped', ['legacy', 'drop'], [upstream('http'), http]),
    kind('HTTP, 2026-07-28', ['modern', 'delete'], [upstream('http'), http]),
    kind('child, session', ['legacy', 'delete'], [upstream('child'), child]),
    kind('child, session dropped', ['legacy', 'drop'], [upstream('child'), child]),
    kind('child, 2026-07-28', ['modern', 'delete'], [upstream('child'), child]),
    kind('child of one person, session', ['legacy', 'delete'], [upstream('child-keyed'), child]),
    kind('all upstreams, session', ['legacy', 'delete'], [upstream(), all]),
    kind('all upstreams, session dropped', ['legacy', 'drop'], [upstream(), all]),
    kind('all upstreams, 2026-07-28', ['modern', 'delete'], [upstream(), all]),
  ];
}
