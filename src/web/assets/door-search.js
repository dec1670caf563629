// Search by name or code at the door, and the count of people inside.

import { request } from './api.js';
import { button, element, usedWhen } from './door-result.js';
import { number, t } from './strings.js';

const COUNT_EVERY_MS = 5000;
const COUNT_TIMEOUT_MS = 4000;
const TYPING_MS = 250;
const CODE = /^[0-9A-F]{64}$/i;

/** Returns whether a text is the whole code of a ticket, and not the start of one or an order's code. */
export const isWhole = (text) => CODE.test(text);

/** Finds tickets by the holder's name or a code. `actions` has `checkIn(code)` and `undo(ticketId)`. */
export class Search {
  #url;
  #field;
  #list;
  #state;
  #actions;
  #timer = 0;
  #running = null;

  constructor(url, actions) {
    this.#url = url;
    this.#actions = actions;
    const form = document.getElementById('door-search');
    this.#field = form.elements.q;
    this.#list = document.getElementById('door-found');
    this.#state = document.getElementById('door-search-state');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = this.#field.value.trim();
      // A scanner typed a ticket's code into this field.
      if (isWhole(text)) {
        this.#field.value = '';
        actions.checkIn(text);
      }
      this.#find();
    });
    this.#field.addEventListener('input', () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#find(), TYPING_MS);
    });
  }

  /** Searches again if a list is shown: a ticket of it may have changed. */
  refresh() {
    if (this.#list.childElementCount > 0) this.#find();
  }

  /** Returns the ticket with a whole code, with its holder; or null. */
  async ticket(code) {
    return (await this.#byCode(code))[0] ?? null;
  }

  /** Lists the tickets behind an order's code or the start of a ticket's. Returns whether there are any. */
  async list(code) {
    const found = await this.#byCode(code);
    if (found.length === 0) return false;
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.#field.value = code;
    this.#show(found);
    return true;
  }

  #byCode(code) {
    const url = `${this.#url}?code=${encodeURIComponent(code)}`;
    return request('GET', url, undefined, { timeout: COUNT_TIMEOUT_MS });
  }

  async #find() {
    clearTimeout(this.#timer);
    this.#running?.abort();
    const text = this.#field.value.trim();
    if (!text) {
      this.#list.replaceChildren();
      this.#state.textContent = '';
      return;
    }
    const running = new AbortController();
    this.#running = running;
    try {
      const url = `${this.#url}?q=${encodeURIComponent(text)}`;
      const found = await request('GET', url, undefined, { signal: running.signal });
      if (running.signal.aborted) return;
      this.#show(found);
    } catch (error) {
      if (running.signal.aborted) return;
      this.#state.textContent = t(error.status === 401 ? 'door.session' : 'door.searchFailed');
    }
  }

  #show(found) {
    this.#list.replaceChildren(...found.map((ticket) => this.#item(ticket)));
    this.#list.scrollIntoView({ block: 'nearest' });
    this.#state.textContent = t(found.length ? 'door.found' : 'door.foundNone', { n: found.length });
  }

  #item(ticket) {
    const item = element('li');
    const status = element('span', 'door-found-status', t(`door.status.${ticket.status}`));
    status.dataset.status = ticket.status;
    if (ticket.status === 'USED' && ticket.checkedInAt) status.textContent = usedWhen(ticket);
    const seat = ticket.seat || ticket.product || '';
    item.append(element('span', 'door-found-name', ticket.name), ' ');
    item.append(element('span', 'door-found-seat', seat), ' ', status);
    const tool = (className, text, act) => {
      const made = button(`button ${className}`, text, act);
      made.setAttribute('aria-label', [text, ticket.name, seat].filter(Boolean).join(', '));
      item.append(' ', made);
    };
    if (ticket.status === 'VALID' && ticket.code) {
      tool('door-found-in', t('door.checkIn'), () => this.#actions.checkIn(ticket.code));
    } else if (ticket.status === 'USED') {
      tool('door-found-undo', t('door.undo'), () => this.#actions.undo(ticket.ticketId));
    }
    return item;
  }
}

/** Shows how many are inside, again and again. `onReach(answered)` tells whether the server answered. */
export class Counts {
  #url;
  #onReach;
  #timer = 0;

  constructor(url, onReach) {
    this.#url = url;
    this.#onReach = onReach;
    document.addEventListener('visibilitychange', () => this.update());
    window.addEventListener('online', () => this.update());
    window.addEventListener('offline', () => this.#onReach(false));
    this.update();
  }

  /** Counts now. */
  async update() {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    try {
      const options = { timeout: COUNT_TIMEOUT_MS };
      const counts = await request('GET', this.#url, undefined, options);
      for (const shown of document.querySelectorAll('#door-counts [data-count]')) {
        shown.textContent = number(counts[shown.dataset.count] ?? 0);
      }
      this.#onReach(true);
    } catch (error) {
      this.#onReach(error.code !== 'NETWORK');
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.update(), COUNT_EVERY_MS);
  }
}
