// An upstream decides how its answer is cut, and may cut it into single bytes. Each piece is a view that keeps the whole
// buffer it was read into alive (64 KiB), so a list of pieces is bounded in number as well as in bytes.
const piecesMax = 64;

/** Add a piece to a list; when the list gets long, what is in it is copied into one piece. */
export function addPiece(pieces: Uint8Array[], piece: Uint8Array): void {
  pieces.push(piece);
  if (pieces.length > piecesMax) pieces.splice(0, pieces.length, Buffer.concat(pieces));
}

/** All pieces as one; without a copy when there is only one. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
}
