/**
 * Where a static credential goes in the one request (or the one child process) it is lent to.
 * `header`: `bearer` sends `Bearer <secret>`, `basic` sends the base64 of a secret of the form `name:password`,
 * `plain` sends the secret as it is. `query`: a query value. `env`: a variable of a stdio child's environment.
 */
export type Placement =
  | { readonly in: 'header'; readonly name: string; readonly scheme: 'bearer' | 'basic' | 'plain' }
  | { readonly in: 'query'; readonly name: string }
  | { readonly in: 'env'; readonly name: string };
