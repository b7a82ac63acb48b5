// Forms as they stand in a page, read as a person without scripts would send them.

/** One form. */
export interface Form {
  readonly action: string;
  /** Hidden and chosen values; of radio buttons the checked one, else the first. */
  readonly fields: ReadonlyMap<string, string>;
  /** Values of its buttons, by name. */
  readonly buttons: ReadonlyMap<string, readonly string[]>;
}

/** Every form of a page that is sent by POST. */
export function formsOf(page: string): readonly Form[] {
  return [...page.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)]
    .map(([, head = '', inside = '']) => ({ head: attributesOf(head), inside }))
    .filter(({ head }) => head.get('method')?.toLowerCase() === 'post')
    .map(({ head, inside }) => ({
      action: head.get('action') ?? '',
      fields: fieldsOf(inside),
      buttons: buttonsOf(inside),
    }));
}

function fieldsOf(inside: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const chosen = new Set<string>();
  for (const [, text = ''] of inside.matchAll(/<input\b([^>]*)>/gs)) {
    const input = attributesOf(text);
    const name = input.get('name');
    if (name === undefined) continue;
    const isRadio = input.get('type') === 'radio';
    if (isRadio && fields.has(name) && (chosen.has(name) || !input.has('checked'))) continue;
    if (input.has('checked')) chosen.add(name);
    fields.set(name, input.get('value') ?? '');
  }
  return fields;
}

function buttonsOf(inside: string): ReadonlyMap<string, readonly string[]> {
  const buttons = new Map<string, string[]>();
  for (const [, text = ''] of inside.matchAll(/<button\b([^>]*)>/gs)) {
    const button = attributesOf(text);
    const name = button.get('name');
    if (name !== undefined) buttons.set(name, [...(buttons.get(name) ?? []), button.get('value') ?? '']);
  }
  return buttons;
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function attributesOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/([a-z-]+)(?:="([^"]*)")?/g)].map(([, name = '', value = '']) => [
      name,
      decoded(value),
    ]),
  );
}

function decoded(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-f]+)|#(\d+)|([a-z]+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      return decimal === undefined ? (named[name ?? ''] ?? whole) : String.fromCodePoint(Number(decimal));
    },
  );
}
