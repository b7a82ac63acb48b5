import { describe, expect, it } from 'vitest';
import { banner } from './banner.ts';

const started = {
  origin: 'http://127.0.0.1:3000',
  bearer: 'sgd_test',
  upstreams: ['everything', 'shop'],
  dataDir: '/srv/data',
};

describe('the banner', () => {
  it('says its own address first', () => {
    expect(banner(started).split('\n')[0]).toBe('Sealgate is listening on http://127.0.0.1:3000');
  });

  it('shows a line to copy for each client, with address and bearer in it', () => {
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
      expect(after(label)).toContain('Bearer sgd_test');
    }
    expect(JSON.parse(after('Connect Cursor'))).toEqual({
      mcpServers: {
        everything: {
          url: 'http://127.0.0.1:3000/mcp/everything',
          headers: { Authorization: 'Bearer sgd_test' },
        },
      },
    });
  });

  it('says what to do when there is no upstream', () => {
    expect(banner({ ...started, upstreams: [] })).toContain('sealgate upstreams add');
  });

  it('says that nobody can sign in to production yet, and shows no bearer', () => {
    const text = banner({ ...started, bearer: undefined });
    expect(text).toContain('Production');
    expect(text).not.toContain('Bearer');
  });
});
