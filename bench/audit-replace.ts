import { registerHooks } from 'node:module';

// Loaded before a gateway (`node --import`), with `?off` or `?journal` behind its name: puts one module of the bench in the
// place of one of the gateway's. No setting of the gateway can do that.

const replaced: Readonly<Record<string, readonly [from: string, to: string]>> = {
  '?off': ['../packages/vault/src/audit/record.ts', './audit-silent.ts'],
  '?journal': ['../packages/server/src/main/audit-log.ts', './audit-unsealed.ts'],
};
const [from, to] = (replaced[new URL(import.meta.url).search] ?? []).map(
  (path) => new URL(path, import.meta.url).href,
);
if (from === undefined || to === undefined) throw new Error('replace what?');
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    // The module in its place may stand on it.
    return found.url === from && context.parentURL !== to ? { ...found, url: to } : found;
  },
});
