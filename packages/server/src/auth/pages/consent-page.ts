import { layout } from './layout.ts';
import { html, shown, type Markup } from './markup.ts';

/** What somebody is asked to agree to. */
export interface ConsentView {
  readonly client: {
    /** As the client calls itself; nobody has checked it. */
    readonly name: string;
    /** Host, or scheme, that the answer goes to: what tells one client from another (MCP, Authorization). */
    readonly redirectHost: string;
    /** Every redirect address lies on this machine, so any program here can pretend to be the client. */
    readonly loopbackOnly: boolean;
    readonly id: string;
  };
  /** The address that the access token is for. */
  readonly resource: string;
  readonly scopes: readonly string[];
  /** Groups of the person; the first one is preselected. At least one. */
  readonly groups: readonly { readonly id: string; readonly name: string }[];
  readonly csrf: string;
  /** Path that the form is sent to. It posts `csrf`, `group` and `decision` = `allow` or `deny`. */
  readonly action: string;
  /** Who is signed in; left out when not given. */
  readonly who?: string;
}

const meanings: ReadonlyMap<string, string> = new Map([
  ['mcp', 'Use every tool of this address in your name'],
  ['offline_access', 'Stay connected until you end it'],
  ['openid', 'Know which account you use here'],
]);

/**
 * Asks whether a client may act for the person, and in which group. Refusing comes first, so that whoever only presses
 * the Enter key has refused.
 */
export function consentPage(view: ConsentView): string {
  const { client, resource, scopes, csrf, action, who } = view;
  const name = shown(client.name) || 'A client without a name';
  return layout(
    'Allow access',
    html`<h1>${name} wants to use your tools</h1>
      <p class="soft">The name is the client’s own word. Check where access is handed to.</p>
      <dl class="facts">
        <div>
          <dt>Access is handed to</dt>
          <dd class="strong">${shown(client.redirectHost, 253)}</dd>
        </div>
        <div>
          <dt>For the address</dt>
          <dd><code>${shown(resource, 300)}</code></dd>
        </div>
        <div>
          <dt>Client id</dt>
          <dd><code>${shown(client.id, 300)}</code></dd>
        </div>
        ${
          who === undefined
            ? undefined
            : html`<div>
                <dt>You are signed in as</dt>
                <dd>${shown(who, 254)}</dd>
              </div>`
        }
      </dl>
      ${client.loopbackOnly ? loopbackNote : undefined}
      <h2>It will be able to</h2>
      <ul>
        ${scopes.map((scope) => html`<li><span>${meanings.get(scope) ?? shown(scope)}</span></li>`)}
      </ul>
      <form method="post" action="${action}">
        <input type="hidden" name="csrf" value="${csrf}" />
        ${groupChoice(view.groups)}
        <div class="choices">
          <button name="decision" value="deny" class="quiet">Do not allow</button>
          <button name="decision" value="allow">Allow</button>
        </div>
      </form>`,
  );
}

const loopbackNote = html`<p class="note" role="note">
  <strong>This client runs on your own computer.</strong> Any program there can call itself by this name. Go
  on only if you have just started it yourself.
</p>`;

function groupChoice(groups: ConsentView['groups']): Markup {
  const [only, ...others] = groups;
  if (only === undefined) throw new TypeError('somebody without a group is asked for consent');
  if (others.length === 0)
    return html`<h2>In the group</h2>
      <p>${shown(only.name)}<input type="hidden" name="group" value="${only.id}" /></p>`;
  return html`<fieldset>
    <legend>In which group?</legend>
    ${groups.map(
      ({ id, name }, at) =>
        html`<label class="group"
          ><input
            type="radio"
            name="group"
            value="${id}"
            required${at === 0 ? html` checked` : undefined}
          /><span>${shown(name)}</span></label
        >`,
    )}
  </fieldset>`;
}
