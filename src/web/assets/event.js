// The script of the event page: the seat map, the basket and the forms, all live. Without it the
// page's forms do the same, one request after the other.

import './address.js';
import { request } from './api.js';
import { Basket, make } from './basket.js';
import { clockTime, dateTime, has, number, t, useTimeZone } from './strings.js';
import { countdowns, now } from './clock.js';
import { Holds } from './holds.js';
import { Live } from './live.js';
import { marksOf, placeOf } from './map-text.js';
import { HELD, PENDING, Plan, SUGGESTED } from './plan.js';
import { SeatMap } from './seat-map.js';

const NOTICE_MS = 12_000;
/** How seats can lie that are not side by side. */
const APART = ['SPLIT_ROWS', 'SCATTERED'];
/** Refusals after which the waiting room is the way on. */
const NO_PASS = ['PASS_REQUIRED', 'PASS_EXPIRED', 'PASS_USED'];
/** Time that the server is given to end a hold that has run out. */
const EXPIRY_MS = 500;
const [SUGGESTED_SEATS, OFFERED] = [8, 5];
const main = document.getElementById('event');
const event = main.dataset.event;
const mapElement = document.getElementById('map');
const prices = new Map();
/** Seats that another buyer got a moment ago, with the time: a click on one comes from a free seat. */
const justGone = new Map();
const JUST_MS = 3000;
/** The plan and the map once they are loaded. */
let [plan, map] = [null, null];

useTimeZone(main.dataset.timeZone);
countdowns();
const holds = new Holds(event);
const basket = new Basket(document.querySelector('[data-basket]'), event, holds, prices, about, {
  drop: (id) => holds.drop(id),
  places: (product, count) => holds.places(product, count),
  extend: (hold) => holds.extend(hold),
  take: (id) => takeInstead(id),
  look: (id) => map && plan.position(id) >= 0 && map.show(plan.position(id)),
  dismiss: () => suggest(null),
});
start();

async function start() {
  listen();
  const planned = mapElement ? loadPlan() : null;
  const to = { counts: showCounts, status: showStatus, connection: showConnection };
  if (planned) {
    to.states = async (letters) => showStates(await planned, letters);
    to.seats = showChanges;
  }
  new Live(event, to);
  await loadPrices();
  await holds.load();
  basket.render();
}

async function loadPrices() {
  const block = document.getElementById('products');
  const products = block ? JSON.parse(block.textContent) : (await request('GET', `/api/events/${event}`)).products;
  for (const product of products) prices.set(product.id, product);
}

/** Reads the plan; where that fails, says so and lets the reader try again. */
async function loadPlan() {
  mapElement.hidden = false;
  mapElement.replaceChildren(make('p', 'map-message', [t('map.loading')]));
  for (;;) {
    try {
      return new Plan(await request('GET', `/api/events/${event}/plan`, undefined, { timeout: 60_000 }));
    } catch {
      await new Promise((resolve) => {
        const again = make('button', 'button', [t('map.again')], { type: 'button' });
        again.addEventListener('click', resolve);
        mapElement.replaceChildren(make('p', 'map-message', [t('map.failed'), ' ', again]));
      });
    }
  }
}

function showStates(loaded, letters) {
  plan = loaded;
  plan.setAll(letters);
  showMine();
  if (plan.count === 0) mapElement.hidden = true;
  else if (!map) {
    map = new SeatMap(mapElement, plan, prices, pick);
    // For browser tests, which have to know where a seat is on the canvas.
    mapElement.seatMap = map;
  }
  refresh();
}

function showChanges(seats) {
  if (!plan?.setSome(seats)) return;
  const at = now();
  for (const [id, goneAt] of justGone) if (at - goneAt > JUST_MS) justGone.delete(id);
  for (const { id, status } of seats) if (status !== 'AVAILABLE') justGone.set(id, at);
  refresh();
}

/** Marks the caller's seats on the map. */
function showMine() {
  if (plan) {
    plan.unmarkAll(PENDING);
    plan.markMine(holds.seats().filter((id) => holds.stateOf(id) === 'mine').map((id) => plan.position(id)));
    for (const id of holds.adds) plan.mark(plan.position(id), PENDING, true);
  }
  refresh();
}

function refresh() {
  map?.refresh();
}

function pick(position) {
  const id = plan.id(position);
  // Seats stay to be looked at while none can be taken.
  if (!holds.stateOf(id) && main.dataset.status !== 'SELLING') return notice('warning', saleSays());
  if (holds.stateOf(id) || plan.isFree(position)) holds.toggle(id);
  else if (now() - (justGone.get(id) ?? 0) < JUST_MS) suggest({ seats: [id], nearest: [] });
}

/** Returns what the page says about the state of the sale. */
function saleSays() {
  const says = document.querySelector('.sale-says:not([hidden])');
  return says?.textContent.trim() || t(`sale.${main.dataset.status}`);
}

function about(id, seat) {
  const position = plan ? plan.position(id) : -1;
  const product = position >= 0 ? prices.get(plan.products[plan.product[position]]) : null;
  if (position >= 0) {
    const section = plan.sections[plan.sectionOf[position]].name;
    // Where each section is a ticket type of its own, its name says it already.
    const more = [product?.name === section ? '' : product?.name, ...marksOf(plan, position)].filter(Boolean);
    return { place: placeOf(plan, position), price: product?.price, more };
  }
  if (!seat) return { place: id, more: [] };
  const place = t('basket.place', { section: seat.section, row: seat.row, seat: seat.label ?? String(seat.number) });
  return { place, more: [] };
}

function listen() {
  holds.addEventListener('change', showMine);
  holds.addEventListener('change', showWhen);
  holds.addEventListener('placed', ({ detail: { hold, seats } }) => {
    if (basket.offers && seats.length > 0) suggest(null);
    if (seats.length === 0) return;
    const until = clockTime(Date.parse(hold.expiresAt) - now() + Date.now());
    const place = about(seats[0], seatOf(hold, seats[0])).place;
    const one = seats.length === 1;
    say(one ? t('basket.held', { place, time: until }) : t('basket.heldMany', { n: seats.length, time: until }));
  });
  holds.addEventListener('dropped', ({ detail: { seats } }) => say(t('basket.dropped', { place: about(seats[0]).place })));
  holds.addEventListener('taken', ({ detail }) => suggest(detail));
  holds.addEventListener('gone', ({ detail: { code } }) => {
    notice('warning', code === 'HOLD_EXPIRED' ? t('basket.expired') : t('basket.ended'));
  });
  holds.addEventListener('refused', ({ detail: { error } }) => {
    const node = notice('error', reasonOf(error));
    if (NO_PASS.includes(error.code)) node.append(' ', make('a', '', [t('queue.toRoom')], { href: `/events/${event}/queue` }));
  });
  holds.addEventListener('extended', ({ detail: { hold } }) =>
    notice('info', t('basket.extended', { time: clockTime(Date.parse(hold.expiresAt) - now() + Date.now()) })),
  );
  document.querySelector('[data-basket]').addEventListener('countdown-end', () => setTimeout(expire, EXPIRY_MS));
  addEventListener('online', () => holds.load());
  addEventListener('pageshow', ({ persisted }) => persisted && holds.load());
  for (const form of document.querySelectorAll('#best, form[data-lines]')) form.addEventListener('submit', submit);
  setInterval(warnOfDeadline, 5000);
}

/** Reads the holds until the server, too, has ended those that have run out. */
async function expire() {
  await holds.load();
  if (holds.list.some((hold) => Date.parse(hold.expiresAt) <= now())) setTimeout(expire, 2 * EXPIRY_MS);
}

function seatOf(hold, id) {
  return hold.lines.flatMap((line) => line.seats).find((seat) => seat.id === id);
}

async function submit(submitted) {
  submitted.preventDefault();
  const form = submitted.target;
  const fields = new FormData(form);
  const [productId, quantity] = [fields.get('productId'), Number(fields.get('quantity'))];
  const button = form.querySelector('button, [type=submit]');
  button?.setAttribute('aria-busy', 'true');
  if (form.id === 'best') {
    let held = await holds.best({ productId, quantity, section: fields.get('section') || undefined });
    if (held && fields.get('together') && held.lines.some((line) => APART.includes(line.fit))) {
      await holds.release(held);
      notice('warning', reasonOf({ code: 'SOLD_OUT', details: { apart: quantity } }));
      held = null;
    }
    const first = held && plan ? plan.position(held.lines[0].seats[0]?.id ?? '') : -1;
    if (first >= 0) map?.show(first);
  } else {
    await holds.places(productId, quantity);
  }
  button?.removeAttribute('aria-busy');
}

/** Says that seats were just taken, and offers free seats near them; `null` ends the offer. */
function suggest(refusal) {
  plan?.unmarkAll(SUGGESTED);
  if (!refusal) return basket.offer(null);
  let { nearest } = refusal;
  const first = plan ? plan.position(refusal.seats[0]) : -1;
  // The stream will say more exactly in a moment.
  for (const id of refusal.seats) if (plan?.position(id) >= 0) plan.setState(plan.position(id), HELD);
  if (nearest.length === 0 && first >= 0) nearest = plan.nearestFree(first, SUGGESTED_SEATS).map((at) => plan.id(at));
  for (const id of nearest) plan?.mark(plan.position(id), SUGGESTED, true);
  const taken = refusal.seats.map((id) => about(id).place);
  basket.offer({ taken, nearest: nearest.slice(0, OFFERED) });
  notice('warning', t('basket.justTakenMany', { places: taken.join(' · ') }));
  return refresh();
}

function takeInstead(id) {
  suggest(null);
  holds.take([id]);
}

/** Ends of the keys of sentences that say more than the plain one about a code, by its details. */
const MORE = {
  SOLD_OUT: ({ available, apart }) => (apart ? '_apart' : available === 0 ? '_none' : '_left'),
  LIMIT_EXCEEDED: ({ current }) => (current > 0 ? '_has' : '_max'),
  SALE_NOT_OPEN: ({ opensAt }) => (opensAt ? '_at' : ''),
  TOO_MANY_REQUESTS: ({ wait }) => (wait ? '_wait' : ''),
};

function reasonOf(error) {
  const { code, retryAfter } = error;
  if (error.status === 401) return t('error.cookies');
  const details = { ...error.details };
  if (details.opensAt) details.opensAt = dateTime(details.opensAt);
  if (retryAfter) details.wait = t('clock.seconds', { n: retryAfter });
  const key = `error.${code}`;
  const exact = key + (MORE[code]?.(details) ?? '');
  const found = [exact, key].find((one) => has(one));
  return found ? t(found, details) : t('error.other', { code });
}

/** Shows a message for a while. */
function notice(kind, words) {
  const node = make('div', `notice notice-${kind}`, [words], { role: kind === 'info' ? 'status' : 'alert' });
  const area = document.getElementById('notices');
  for (const old of area.children) if (old.dataset.words === words) old.remove();
  node.dataset.words = words;
  area.append(node);
  setTimeout(() => node.remove(), NOTICE_MS);
  return node;
}

/** Says a sentence to screen readers. */
function say(words) {
  map?.say(words);
}

const warned = new Set();

function warnOfDeadline() {
  for (const { id, expiresAt } of holds.list) {
    const left = Date.parse(expiresAt) - now();
    if (left > 60_000) warned.delete(id);
    if (left > 60_000 || left <= 0 || warned.has(id)) continue;
    warned.add(id);
    notice('warning', t('basket.minuteLeft'));
  }
}

function showCounts(products) {
  const counts = new Map(products.map(({ id, available }) => [id, available]));
  for (const element of document.querySelectorAll('[data-available-of]')) {
    const available = counts.get(element.dataset.availableOf);
    if (available === undefined) continue;
    element.textContent = available === 0 ? t('map.soldOut') : number(available);
    element.dataset.none = String(available === 0);
  }
}

function showStatus(status) {
  if (main.dataset.status === status) return;
  main.dataset.status = status;
  for (const element of document.querySelectorAll('[data-sale-state]')) {
    element.textContent = t(`sale.${status}`);
    element.dataset.status = status;
  }
  showWhen();
}

/** Shows the parts that belong to the state of the sale, and to a basket with places or without. */
function showWhen() {
  const hasBasket = String(holds.list.length > 0);
  for (const element of document.querySelectorAll('[data-show-when]')) {
    const { showWhen: states, withBasket = hasBasket } = element.dataset;
    element.hidden = withBasket !== hasBasket || !states.split(' ').includes(main.dataset.status);
  }
}

function showConnection(state, asOf) {
  const element = document.getElementById('live-state');
  if (!element || element.dataset.state === state) return;
  element.dataset.state = state;
  element.textContent = t(`live.${state}`, { time: clockTime(asOf - now() + Date.now()) });
}

/** Loads the page again once an entry of the waitlist has become an offer, which has a deadline. */
function watchOffers() {
  if (!document.querySelector('.waiting')) return;
  const OFFERS_MS = 3_000;
  setInterval(async () => {
    if (document.hidden) return;
    const entries = await request('GET', `/api/events/${event}/waitlist`).catch(() => []);
    if (entries.some((entry) => entry.status === 'OFFERED')) location.reload();
  }, OFFERS_MS);
}
watchOffers();
