// The library says on every import that a Node without an LTS name is no runtime for it, on the stream where the log is.
// Which Node this is, the package says itself; nothing else is kept from being said.

const { warn } = console;
console.warn = () => undefined;
const library = await import('oidc-provider').finally(() => {
  console.warn = warn;
});

/** The library's refusals, with their OAuth codes. */
export const { errors } = library;

/** The authorization server itself. */
export const { Provider } = library;
