/**
 * What `Host` says on the MCP socket. A name nobody can own (RFC 6761 §6.4), so a page that was led to the socket through
 * a relay cannot come from it.
 */
export const localHost = 'sealgate.invalid';
