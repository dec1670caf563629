// The script of a waiting room's page for its organiser: reads the page every few seconds and takes over its
// numbers. Without it the page shows those of the moment at which it was loaded.

import './address.js';
import { countdowns, tick } from './clock.js';

const REFRESH_MS = 4_000;
const main = document.getElementById('organised');

countdowns();
setTimeout(refresh, REFRESH_MS);

async function refresh() {
  try {
    const answer = document.hidden ? null : await fetch(main.dataset.address, { credentials: 'same-origin' });
    if (answer?.ok && !answer.redirected) {
      const read = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const part of main.querySelectorAll('[data-refresh]')) takeOver(part, read.getElementById(part.id));
      tick();
    }
  } catch {
    // No connection: the time of the numbers stays what it was.
  }
  setTimeout(refresh, REFRESH_MS);
}

function takeOver(part, fresh) {
  // A part in which something is open or focused stays as it is.
  if (!fresh || part.contains(document.activeElement) || part.querySelector('details[open]')) return;
  part.replaceChildren(...fresh.childNodes);
}
