// The worker of `queue-task.js`: solves one challenge and ends.

import { search } from './queue-search.js';

addEventListener('message', ({ data: { challenge, bits } }) => {
  postMessage(search(challenge, bits, 0, Infinity));
});
