/** The console's pages, by name. The gateway serves none yet: `ENABLE_WEBUI` has nothing to switch. */
export const pages: readonly string[] = [];
