// Proofs of work: some digits behind a challenge whose SHA-256 begins with enough zero bits. A worker looks
// for them; where none can be started, the page itself does so in parts.

import { pause } from './api.js';

/** Hashes between two moments in which a page without workers can answer its visitor. */
const PART = 5_000;

/** Returns the proof for a challenge of so many bits. */
export function solved(task) {
  return new Promise((resolve, reject) => {
    const without = () => inParts(task).then(resolve, reject);
    if (!window.Worker) return void without();
    const worker = new Worker(new URL('./proof-worker.js', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }) => {
      worker.terminate();
      resolve(data);
    });
    worker.addEventListener('error', () => {
      worker.terminate();
      without();
    });
    worker.postMessage(task);
  });
}

async function inParts({ challenge, bits }) {
  const { search } = await import('./proof-search.js');
  for (let from = 0; ; from += PART) {
    const proof = search(challenge, bits, from, PART);
    if (proof) return proof;
    await pause(0);
  }
}
