// The panel of the caller's holds: seats, prices, total, time left, and free seats near a seat
// that was just taken.

import { tick } from './clock.js';
import { money, t } from './strings.js';

export class Basket {
  /**
   * Fills `element`. `about(id, seat)` returns `{place, price, more}` of a seat; `act` has `drop(id)`,
   * `places(product, n)`, `extend(hold)`, `take(id)`, `look(id)`, `dismiss()`.
   */
  constructor(element, event, holds, prices, about, act) {
    Object.assign(this, { element, event, holds, prices, about, act, offers: null });
    this.bar = make('a', 'basket-bar', [], { href: '#basket', hidden: '' });
    document.getElementById('event').append(this.bar);
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.isInSight = isIntersecting;
      this.#summary();
    }).observe(element);
    holds.addEventListener('change', () => this.render());
    element.addEventListener('pointerdown', () => { this.pressed = true; });
    for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => this.#released());
  }

  /** Offers the seats that are still free near those that were taken; `null` takes the offer back. */
  offer(offers) {
    this.offers = offers;
    this.render();
  }

  render() {
    // A link that is replaced between press and release is never clicked.
    this.late = this.pressed;
    if (this.pressed) return;
    const focused = this.element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const parts = this.holds.list.map((hold, at) => this.#hold(hold, at === 0));
    const isFirst = parts.length === 0 && this.holds.adds.size > 0;
    if (isFirst) parts.push(make('div', 'basket-hold', [this.#lines(null, true)]));
    if (parts.length === 0) {
      const empty = document.getElementById('map') ? t('basket.empty') : t('basket.emptyPlaces');
      parts.push(make('p', 'basket-empty', [empty]));
    }
    if (this.offers) parts.push(this.#offers());
    this.element.replaceChildren(...parts);
    tick();
    this.#summary();
    if (focused) this.#focusAgain(focused);
  }

  /** Keeps the keyboard's place: the same button, or the next one if it is gone. */
  #focusAgain(key) {
    const buttons = [...this.element.querySelectorAll('[data-key]')];
    const same = buttons.find((button) => button.dataset.key === key);
    (same ?? buttons[0] ?? this.element.closest('section'))?.focus();
  }

  #hold(hold, first) {
    const time = make('time', '', [], { 'data-countdown': '', datetime: hold.expiresAt, role: 'timer' });
    const deadline = make('p', 'basket-time', [`${t('basket.time')} `, time]);
    if (!hold.maxExpiresAt || Date.parse(hold.maxExpiresAt) > Date.parse(hold.expiresAt) + 1000) {
      const extend = () => this.act.extend(hold);
      deadline.append(' ', this.#button('basket-extend', t('basket.extend'), `extend ${hold.id}`, extend));
    }
    const total = make('p', 'basket-total', [`${t('basket.total')} `, make('strong', '', [money(hold.totalPrice)])]);
    const busy = first && this.holds.isBusy();
    total.classList.toggle('is-pending', busy);
    const checkout = make('a', 'basket-checkout button button-primary', [t('basket.checkout')], {
      href: `/checkout/${this.event}/${hold.id}`,
      'data-key': `checkout ${hold.id}`,
    });
    if (busy) {
      // The checkout must show the same places as the panel: wait for the answer.
      checkout.setAttribute('aria-disabled', 'true');
      checkout.addEventListener('click', (event) => {
        event.preventDefault();
        this.holds.turn.then(() => {
          // The answer may have come while this link was pressed: then it is not rendered yet.
          this.render();
          this.element.querySelector('.basket-checkout:not([aria-disabled])')?.click();
        });
      });
    }
    const parts = [deadline, this.#lines(hold, first)];
    if (hold.lines.some((line) => line.fit === 'SCATTERED' || line.fit === 'SPLIT_ROWS')) {
      parts.push(make('p', 'basket-note', [t('basket.noScattered')]));
    }
    return make('div', 'basket-hold', [...parts, total, checkout], { 'data-hold': hold.id });
  }

  /** Renders what had to wait for the release, once the click has been handled. */
  #released() {
    this.pressed = false;
    setTimeout(() => this.late && this.render());
  }

  /** Shows a line that leads to the basket while it is out of sight. */
  #summary() {
    const lines = this.holds.list.flatMap((hold) => hold.lines);
    const count = lines.reduce((sum, line) => sum + line.quantity, 0);
    this.bar.hidden = count === 0;
    // It keeps its room: a page that grows shorter while it is scrolled moves what is being pressed.
    this.bar.classList.toggle('is-needless', Boolean(this.isInSight));
    if (this.bar.hidden) return;
    const totals = this.holds.list.map((hold) => hold.totalPrice);
    const total = { ...totals[0], amount: totals.reduce((sum, { amount }) => sum + amount, 0) };
    const first = this.holds.list.map((hold) => hold.expiresAt).sort()[0];
    const time = make('time', '', [], { 'data-countdown': '', datetime: first });
    this.bar.replaceChildren(make('span', '', [t('basket.bar', { n: count })]), make('strong', '', [money(total)]), time);
    tick();
  }

  #lines(hold, first) {
    const items = [];
    for (const line of hold?.lines ?? []) {
      if (line.seats.length === 0) items.push(this.#places(line));
      for (const seat of line.seats) {
        const dropped = this.holds.drops.has(seat.id);
        const { place, more } = this.about(seat.id, seat);
        items.push(this.#line(place, line.unitPrice, dropped, `drop ${seat.id}`, () => this.act.drop(seat.id), more));
      }
    }
    const known = new Set(this.holds.seats());
    for (const id of first ? this.holds.adds : []) {
      if (known.has(id)) continue;
      const { place, price, more } = this.about(id);
      items.push(this.#line(place, price, true, `drop ${id}`, () => this.act.drop(id), more));
    }
    return make('ul', 'basket-lines', items);
  }

  #places({ productId, quantity, unitPrice }) {
    const product = this.prices.get(productId)?.name ?? '';
    const place = t('basket.places', { n: quantity, product });
    const price = { ...unitPrice, amount: unitPrice.amount * quantity };
    return this.#line(place, price, false, `places ${productId}`, () => this.act.places(productId, 0));
  }

  #line(place, price, pending, key, drop, more = []) {
    // What a buyer has to know of a seat stays beside it: the ticket type, a restricted view.
    const about = more.length > 0 ? [' ', make('span', 'hint', [more.join(' · ')])] : [];
    const words = [make('span', 'basket-place', [place, ...about]), make('span', 'basket-price', [price ? money(price) : ''])];
    const button = this.#button('basket-drop', '\u00d7', key, drop, t('basket.drop', { place }));
    return make('li', `basket-line${pending ? ' is-pending' : ''}`, [...words, button]);
  }

  #offers() {
    const { taken, nearest } = this.offers;
    const places = taken.join(' · ');
    const said = taken.length === 1 ? t('basket.justTaken', { place: places }) : t('basket.justTakenMany', { places });
    const parts = [make('p', 'basket-taken', [said])];
    parts.push(make('p', '', [nearest.length > 0 ? t('basket.nearest') : t('basket.noneNear')]));
    const items = nearest.map((id) => {
      const { place, price, more } = this.about(id);
      const words = [place, ...more, price && money(price)].filter(Boolean).join(' · ');
      const label = t('basket.take', { place });
      const button = this.#button('button basket-take', words, `take ${id}`, () => this.act.take(id), label);
      button.addEventListener('pointerenter', () => this.act.look(id));
      button.addEventListener('focus', () => this.act.look(id));
      return make('li', '', [button]);
    });
    parts.push(make('ul', '', items));
    parts.push(this.#button('button basket-dismiss', t('basket.dismiss'), 'dismiss', () => this.act.dismiss()));
    return make('div', 'basket-nearest', parts);
  }

  #button(className, words, key, act, label) {
    const button = make('button', className, [words], { type: 'button', 'data-key': key });
    if (label) button.setAttribute('aria-label', label);
    button.addEventListener('click', act);
    return button;
  }
}

/** Makes an element with children and attributes. */
export function make(tag, className, children = [], attributes = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
