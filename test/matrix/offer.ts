// What the matrix's upstream has, so that what arrives can be compared with it.

const plain = { type: 'object' as const, properties: {} };

/** An MCP App: a tool that points to its page. */
export const apps = {
  uri: 'ui://matrix/page.html',
  mimeType: 'text/html;profile=mcp-app',
  html: '<!doctype html><title>matrix</title>',
};

const form = {
  type: 'object',
  properties: { name: { type: 'string' } },
  required: ['name'],
};

/** What each asking tool asks. */
export const questions: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ask_form: {
    method: 'elicitation/create',
    params: { mode: 'form', message: 'Who are you?', requestedSchema: form },
  },
  ask_url: {
    method: 'elicitation/create',
    params: { mode: 'url', message: 'Sign in there', url: 'https://example.test/in', elicitationId: 'e1' },
  },
  ask_model: {
    method: 'sampling/createMessage',
    params: { messages: [{ role: 'user', content: { type: 'text', text: 'Say so' } }], maxTokens: 10 },
  },
  ask_roots: { method: 'roots/list', params: {} },
};

/** Ten tools, so that they do not fit on one page. */
export const tools = [
  {
    name: 'echo',
    title: 'Echo',
    description: 'Gives back: ünï "quotes" <b>',
    inputSchema: { type: 'object' as const, properties: { text: { type: 'string' } } },
    icons: [{ src: 'https://example.test/echo.svg', mimeType: 'image/svg+xml', sizes: ['any'] }],
    annotations: { readOnlyHint: true },
    _meta: { 'example.test/kept': { deep: [1, 2.5, null] } },
  },
  {
    name: 'weather',
    inputSchema: plain,
    outputSchema: {
      type: 'object' as const,
      properties: { sky: { type: 'string' }, degrees: { type: 'number' } },
      required: ['sky', 'degrees'],
    },
  },
  { name: 'page', inputSchema: plain, _meta: { ui: { resourceUri: apps.uri } } },
  { name: 'failing', inputSchema: plain },
  { name: 'announce', inputSchema: plain },
  { name: 'log', inputSchema: { type: 'object' as const, properties: { text: { type: 'string' } } } },
  { name: 'steps', inputSchema: plain },
  ...Object.keys(questions).map((name) => ({ name, inputSchema: plain })),
];

/** Resources that are listed. */
export const resources = [
  { uri: 'matrix://watched', name: 'watched', mimeType: 'text/plain' },
  { uri: apps.uri, name: 'page', mimeType: apps.mimeType },
];

/** Templates that are listed. */
export const templates = [{ uriTemplate: 'matrix://item/{id}', name: 'item', mimeType: 'text/plain' }];

/** Prompts that are listed. */
export const prompts = [{ name: 'greet', arguments: [{ name: 'who', required: true }] }];

/** What an argument completes to. */
export const completions = ['ada', 'adele', 'bob'];
