// Forms that are counted strictly, such as signing in. Where this network has sent too many, the browser
// does a proof of work and sends the form again by itself, and the visitor notices a short wait. Without
// scripts the server's page says how long to wait.

import { TIMES, request } from './api.js';
import { solved } from './proof-task.js';
import { t } from './strings.js';

const FIELD = 'challengeAnswer';

/** Sends a form, with a proof of work where it is asked for, and says so in `live`. Returns the last answer. */
async function sent(form, live) {
  const action = new URL(form.action, location.href);
  action.searchParams.delete(FIELD);
  const body = new URLSearchParams(new FormData(form));
  let answer;
  for (let nth = 0; nth < TIMES; nth += 1) {
    const { isNeeded, challenge, bits } = await request('GET', '/api/challenge?class=strict');
    if (isNeeded) {
      live.textContent = t('sign_in.solving');
      action.searchParams.set(FIELD, await solved({ challenge, bits }));
    }
    answer = await fetch(action, { method: 'POST', body, headers: { Accept: 'text/html' } });
    // After a lock there are requests left, and no proof helps.
    if (answer.status !== 429 || !answer.headers.get('ratelimit')?.includes(';r=0;')) break;
  }
  return answer;
}

/** Shows the page of an answer in the place of this one. */
async function show(answer) {
  if (answer.redirected) return void location.assign(answer.url);
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const address = new URL(answer.url);
  address.searchParams.delete(FIELD);
  history.replaceState(null, '', address);
  document.title = page.title;
  document.querySelector('main').replaceWith(page.querySelector('main'));
  attach();
  document.querySelector('[role="alert"], main')?.scrollIntoView();
}

function attach() {
  for (const form of document.querySelectorAll('form[data-counted]')) {
    const live = document.createElement('p');
    live.className = 'hint';
    live.setAttribute('aria-live', 'polite');
    form.append(live);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const button = form.querySelector('button:not([type])');
      if (button.disabled) return;
      button.disabled = true;
      try {
        await show(await sent(form, live));
      } catch {
        // Then the server decides, and says what to do. This sends the form as it is.
        form.submit();
      }
    });
  }
}

attach();

// A page that the back button takes out of the browser's memory can be sent again.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
