// The worker of `proof-task.js`: solves one challenge and ends.

import { search } from './proof-search.js';

addEventListener('message', ({ data: { challenge, bits } }) => {
  postMessage(search(challenge, bits, 0, Infinity));
});
