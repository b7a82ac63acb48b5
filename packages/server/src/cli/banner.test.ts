import { describe, expect, it } from 'vitest';
import { banner } from './banner.ts';

const started = {
  origin: 'http://127.0.0.1:3000',
  signInLink: 'http://127.0.0.1:3000/sign-in/link?token=abc',
  upstreams: ['everything', 'shop'],
  dataDir: '/srv/data',
};

describe('the banner', () => {
  it('says its own address first', () => {
    expect(banner(started).split('\n')[0]).toBe('Sealgate is listening on http://127.0.0.1:3000');
  });

  it('shows a line to copy for each client, with the address and no secret in it', () => {
    const lines = banner(started).split('\n');
    const after = (label: string): string =>
      lines[lines.findIndex((line) => line.startsWith(label)) + 1] ?? '';
    for (const label of [
      'Connect Claude Code',
      'Connect Cursor',
      'Connect VS Code',
      'Look with the MCP Inspector',
    ]) {
      expect(after(label)).toContain('http://127.0.0.1:3000/mcp/everything');
      expect(after(label)).not.toMatch(/authorization|bearer|token/i);
    }
    expect(JSON.parse(after('Connect Cursor'))).toEqual({
      mcpServers: { everything: { url: 'http://127.0.0.1:3000/mcp/everything' } },
    });
  });

  it('says what to do when there is no upstream', () => {
    expect(banner({ ...started, upstreams: [] })).toContain('sealgate upstreams add');
  });

  it('shows the first sign-in link, and none when somebody has signed in before', () => {
    expect(banner(started)).toContain(`Sign in: ${started.signInLink}`);
    expect(banner({ ...started, signInLink: undefined })).not.toContain('Sign in');
  });
});
