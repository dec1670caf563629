// Codes that could not be decided (no connection, a busy server), to try again. Each keeps the key of
// its first request and its gate: if that request reached the server, its repetition is the same.

import { newKey } from './api.js';
import { button, element } from './door-result.js';
import { dateTime, t } from './strings.js';

const MOST = 50;

/** The codes of one door, kept over a reload of the page. */
export class Kept {
  #section;
  #store;
  #onRetry;
  /** `{code, key, gate, at}`, oldest first. */
  #codes;

  constructor(section, event, onRetry) {
    this.#section = section;
    this.#store = `admitone.door.${event}`;
    this.#onRetry = onRetry;
    this.#codes = read(this.#store);
    this.#show();
  }

  /** Returns the attempt to make: the earlier one of the same code, if that was not decided. */
  attempt(code, gate) {
    const earlier = this.#codes.find((kept) => kept.code === code);
    return earlier ?? { code, key: newKey(), gate, at: Date.now() };
  }

  /** Keeps an attempt that was not decided. */
  keep(attempt) {
    if (this.#codes.includes(attempt)) return;
    this.#codes.push(attempt);
    this.#codes.splice(0, this.#codes.length - MOST);
    this.#changed();
  }

  /** Forgets a code that has been decided. */
  drop(code) {
    const left = this.#codes.filter((kept) => kept.code !== code);
    if (left.length === this.#codes.length) return;
    this.#codes = left;
    this.#changed();
  }

  #changed() {
    try {
      sessionStorage.setItem(this.#store, JSON.stringify(this.#codes));
    } catch {
      // Storage is off: the list lives as long as the page.
    }
    this.#show();
  }

  #show() {
    this.#section.hidden = this.#codes.length === 0;
    this.#section.querySelector('ul').replaceChildren(...this.#codes.map((kept) => this.#item(kept)));
  }

  #item({ code, at }) {
    const item = element('li');
    const time = dateTime(at, { timeStyle: 'medium' });
    const name = t('door.keptCode', { code: code.slice(-6), time });
    const again = button('button door-retry', t('door.retry'), () => this.#onRetry(code));
    const forget = button('button door-forget', t('door.forget'), () => this.drop(code));
    again.setAttribute('aria-label', `${t('door.retry')}: ${name}`);
    forget.setAttribute('aria-label', `${t('door.forget')}: ${name}`);
    item.append(element('span', '', name), again, forget);
    return item;
  }
}

function read(store) {
  try {
    const codes = JSON.parse(sessionStorage.getItem(store) ?? '[]');
    return Array.isArray(codes) ? codes : [];
  } catch {
    return [];
  }
}
