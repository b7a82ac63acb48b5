// What a route may say of itself in fastify's `config`.

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `page`: the route answers people in a browser, so refusals and faults become a page too. JSON when not given. */
    readonly answers?: 'page';
  }
}

/** Makes a refusal, or a fault of ours, a page: its headers and its text. */
export type ProblemPage = (problem: {
  readonly code: string;
  /** Safe to show. */
  readonly message: string;
  readonly requestId: string;
}) => { readonly headers: Readonly<Record<string, string>>; readonly text: string };
