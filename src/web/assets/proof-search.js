// Looks for the digits of a proof of work. A synchronous hash: the browser's own is asynchronous, and ten
// times slower for texts as short as these.

import { sha256 } from './noble-hashes/sha2.js';

/** As many digits as a proof may have. */
const DIGITS = 10;
const ZERO = '0'.charCodeAt(0);

/**
 * Returns `{challenge}.{digits}` with a SHA-256 that begins with `bits` zero bits, or `null` if none of
 * the `count` numbers from `from` on has one.
 */
export function search(challenge, bits, from, count) {
  const begun = sha256.create().update(new TextEncoder().encode(`${challenge}.`));
  const [digits, hash] = [new Uint8Array(DIGITS), new Uint8Array(32)];
  let hasher = sha256.create();
  for (let nth = from; nth < from + count; nth += 1) {
    for (let at = DIGITS - 1, rest = nth; at >= 0; at -= 1, rest = Math.floor(rest / 10)) {
      digits[at] = ZERO + (rest % 10);
    }
    hasher = begun._cloneInto(hasher);
    hasher.update(digits).digestInto(hash);
    if (zeroBits(hash) >= bits) return `${challenge}.${String(nth).padStart(DIGITS, '0')}`;
  }
  return null;
}

function zeroBits(hash) {
  const head = ((hash[0] << 24) | (hash[1] << 16) | (hash[2] << 8) | hash[3]) >>> 0;
  return Math.clz32(head);
}
