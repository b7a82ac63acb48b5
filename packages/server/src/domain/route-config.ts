// What a route may say of itself in fastify's `config`.

/**
 * What stands before a route. `auditor`: a token of somebody who may read the audit log, and of nobody else. `bearer`: an access token, or whatever the caller brings in its place. `instance`: a ticket of
 * another instance of this deployment, which may know this one by any name. `machine`: this machine's own address. `page`:
 * forms and pages of our own origin, with a web session where one is needed. `public`: nothing, and no cookie of a person
 * is read; pages of any origin may use it.
 */
export type Guard = 'auditor' | 'bearer' | 'instance' | 'machine' | 'page' | 'public';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `page`: the route answers people in a browser, so refusals and faults become a page too. JSON when not given. */
    readonly answers?: 'page';
    /** Who may use the route, and what makes sure of it. Every route says so, or the server does not start. */
    readonly guard?: Guard;
  }
}

/** Makes a refusal, or a fault of ours, a page: its headers and its text. */
export type ProblemPage = (problem: {
  readonly code: string;
  /** Safe to show. */
  readonly message: string;
  readonly requestId: string;
}) => { readonly headers: Readonly<Record<string, string>>; readonly text: string };
