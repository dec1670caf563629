// The script of an event's page for its organiser: live numbers, the seat map, and seats picked on it.
// Without it the page shows the numbers of the moment at which it was loaded.

import { request } from './api.js';
import { Live } from './live.js';
import { placeOf } from './map-text.js';
import { MINE, Plan } from './plan.js';
import { SeatMap } from './seat-map.js';
import { number, t, useTimeZone } from './strings.js';

/** The least time between two readings of the parts that the stream does not carry. */
const REFRESH_MS = 10_000;
/** Seats named one by one beside the map. */
const NAMED = 12;

const main = document.getElementById('organised');
const event = main.dataset.event;
const mapElement = document.getElementById('map');
const form = document.getElementById('picked');
const picked = new Set();
let [plan, map, refreshing] = [null, null, null];

useTimeZone(main.dataset.timeZone);
start();

async function start() {
  const to = { counts: showCounts, status: showStatus, connection: showConnection };
  if (mapElement) {
    const loading = loadPlan();
    to.states = async (letters) => showStates(await loading, letters);
    to.seats = (seats) => plan?.setSome(seats) && map?.refresh();
  }
  new Live(event, to);
}

function showCounts(products) {
  for (const product of products) {
    const row = main.querySelector(`[data-product="${CSS.escape(product.productId ?? product.id)}"]`);
    for (const cell of row?.querySelectorAll('[data-count]') ?? []) {
      const count = product[cell.dataset.count];
      if (count !== undefined) cell.textContent = number(count);
    }
  }
  refreshLater();
}

function showStatus(status) {
  const badge = main.querySelector('[data-sale-state-of] .badge');
  if (!badge || badge.dataset.status === status) return;
  badge.dataset.status = status;
  badge.textContent = t(`sale.${status}`);
}

function showConnection(state, asOf) {
  const element = document.getElementById('live-state');
  element.dataset.state = state;
  const time = new Date(asOf).toLocaleTimeString(document.documentElement.lang);
  element.textContent = t(`live.${state}`, { time });
}

/** Reads the page again and takes over its parts that are not in the stream. */
function refreshLater() {
  refreshing ??= setTimeout(async () => {
    try {
      const answer = await fetch(location.pathname, { credentials: 'same-origin' });
      if (answer.ok && !answer.redirected) {
        const read = new DOMParser().parseFromString(await answer.text(), 'text/html');
        for (const part of main.querySelectorAll('[data-refresh]')) takeOver(part, read.getElementById(part.id));
      }
    } catch {
      // No connection: the state of the stream says so.
    }
    refreshing = null;
  }, REFRESH_MS);
}

function takeOver(part, fresh) {
  // A part in which something is open or focused stays as it is.
  if (!fresh || part.contains(document.activeElement) || part.querySelector('details[open]')) return;
  part.replaceChildren(...fresh.childNodes);
}

async function loadPlan() {
  mapElement.hidden = false;
  mapElement.textContent = t('map.loading');
  try {
    return new Plan(await request('GET', `/api/events/${event}/plan`, undefined, { timeout: 60_000 }));
  } catch {
    mapElement.textContent = t('map.failed');
    return null;
  }
}

function showStates(loaded, letters) {
  if (!loaded) return;
  plan = loaded;
  plan.setAll(letters);
  const products = JSON.parse(document.getElementById('products').textContent);
  const prices = new Map(products.map((product) => [product.id, product]));
  map ??= new SeatMap(mapElement, plan, prices, pick);
  mapElement.seatMap = map;
  map.refresh();
}

function pick(position) {
  const id = plan.id(position);
  if (!picked.delete(id)) picked.add(id);
  plan.mark(position, MINE, picked.has(id));
  map.refresh();
  showPicked();
}

function showPicked() {
  form.hidden = picked.size === 0;
  const names = [...picked].slice(0, NAMED).map((id) => placeOf(plan, plan.position(id)));
  if (picked.size > NAMED) names.push('…');
  form.querySelector('[data-picked]').textContent = names.join(' · ');
  form.querySelector('[name="picked"]').value = [...picked].join(' ');
}
