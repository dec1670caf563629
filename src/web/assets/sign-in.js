// Forms that are counted strictly, such as signing in. Where this network has sent too many, the browser
// does a proof of work before the form goes out, and the visitor notices a short wait. Without scripts
// the server's page says how long to wait.

import { request } from './api.js';
import { solved } from './proof-task.js';

const FIELD = 'challengeAnswer';

for (const form of document.querySelectorAll('form[data-counted]')) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button:not([type])');
    if (button.disabled) return;
    button.disabled = true;
    const action = new URL(form.action, location.href);
    action.searchParams.delete(FIELD);
    try {
      const { isNeeded, challenge, bits } = await request('GET', '/api/challenge?class=strict');
      if (isNeeded) action.searchParams.set(FIELD, await solved({ challenge, bits }));
    } catch {
      // Then the server decides, and says what to do.
    }
    form.action = action.pathname + action.search;
    // Sends the form as it is, without asking this again.
    form.submit();
  });
}

// A page that the back button takes out of the browser's memory can be sent again.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
