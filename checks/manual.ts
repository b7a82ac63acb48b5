// Writes `docs/configuration.md` from the table of variables, and reads the codes that `docs/errors.md` explains.
import { active } from '../packages/server/src/config/active.ts';
import { reserved } from '../packages/server/src/config/reserved.ts';
import { groups, type Described } from '../packages/server/src/config/variable.ts';

const opening = `<!-- Written by \`npm run docs\` from packages/server/src/config. Do not edit. -->

# Configuration

Sealgate needs no configuration to start. What it takes comes from the environment, then from a \`.env\` file in the
working directory; the environment wins, and an empty text counts as not set. In production a \`.env\` that others can
read or change is refused.

Every secret can also be given as a file: \`AUTH_SECRET_FILE=/run/secrets/auth\` instead of \`AUTH_SECRET\`. One line break
at the end of the file is dropped; giving both is refused.

A name with one of Sealgate's prefixes that is not listed here stops the start, and so does a name one slip away from
a variable that is read: the message says which one was probably meant. All problems are listed at once, and no
message holds a value.
`;

const reservedOpening = `## Reserved

These names belong to the product and nothing in this version reads them. One that is set does no harm: it is named in
a warning at the start, and its value is not kept.
`;

/** The whole text of `docs/configuration.md`. */
export function configurationManual(): string {
  const sections = groups.flatMap((group) => {
    const rows = Object.entries<Described>(active).filter(([, variable]) => variable.group === group);
    return rows.length === 0 ? [] : [`## ${title(group)}\n\n${table(rows)}`];
  });
  const rest = groups.flatMap((group) => [...reserved].filter(([, variable]) => variable.group === group));
  return [opening, ...sections, reservedOpening, table(rest)].join('\n');
}

/** The codes that have a row in the table of `docs/errors.md`, in the order of the page. */
export function explainedCodes(page: string): string[] {
  return [...page.matchAll(/^\| `([a-z0-9_]+)` *\|/gm)].map(([, code]) => code ?? '');
}

function title(group: string): string {
  return group.charAt(0).toUpperCase() + group.slice(1);
}

function table(rows: readonly (readonly [string, Described])[]): string {
  const lines = rows.map(([name, { default: fallback, doc, secret, unit }]) => {
    const shown = fallback === undefined ? '' : `\`${fallback}\`${unit === undefined ? '' : ` ${unit}`}`;
    return `| \`${name}\` | ${shown} | ${doc} | ${secret ? 'yes' : ''} |`;
  });
  return ['| name | default | what | secret |', '| --- | --- | --- | --- |', ...lines, ''].join('\n');
}
