// The proof of work before entering a queue.

import { request } from './api.js';
import { solved } from './proof-task.js';

/** Returns the proof for a new entry; an empty text if none is asked for. Throws an `ApiError`. */
export async function proofFor(event) {
  const { challenge, bits } = await request('GET', `/api/queue/${event}/challenge`);
  return bits === 0 ? '' : solved({ challenge, bits });
}
