// The script of the waiting page: asks for the visitor's place when the server says, and again as soon as
// the page is looked at. Numbers are written here; any other change is taken over from the page itself.

import './address.js';
import { request } from './api.js';
import { countdowns, tick } from './clock.js';
import { signal, unlock } from './door-sound.js';
import { proofFor } from './queue-task.js';
import { number, t, useTimeZone } from './strings.js';

const RETRY_MS = 4_000;
const RETRY_MAX_MS = 30_000;
/** A page that comes to view asks at once, unless it has just asked. */
const JUST_ASKED_MS = 2_000;
/** Time that the server is given to end a turn that has run out. */
const EXPIRY_MS = 1_500;
const SPREAD_MS = 9_000;

const main = document.getElementById('queue');
const event = main.dataset.event;
const here = `/events/${event}/queue`;
const part = document.getElementById('queue-now');
const stale = document.getElementById('queue-stale');
let [timer, asking, failures, askedAt] = [0, false, 0, 0];
/** True while the task before entering is solved: the form must stay. */
let entering = false;
/** When the server last answered, by the clock of the device: only the difference counts. */
let heardAt = Date.now();

useTimeZone(main.dataset.timeZone);
countdowns();
listen();
later(seconds(part.dataset.nextPoll));

function listen() {
  document.addEventListener('visibilitychange', () => !document.hidden && askNow());
  addEventListener('online', askNow);
  addEventListener('pageshow', ({ persisted }) => persisted && askNow());
  // Everybody's draw is at one time, and so would be the questions of those who have not entered.
  part.addEventListener('countdown-end', () => later(EXPIRY_MS + (isTurnNow() ? 0 : Math.random() * SPREAD_MS)));
  part.addEventListener('submit', (submitted) => {
    if (!('task' in submitted.target.dataset)) return;
    submitted.preventDefault();
    enter(submitted.target);
  });
  const sound = document.getElementById('queue-sound');
  if (!sound || !(window.AudioContext ?? window.webkitAudioContext)) return;
  sound.hidden = false;
  sound.querySelector('button').addEventListener('click', ({ currentTarget }) => {
    unlock();
    signal(true);
    currentTarget.hidden = true;
    sound.querySelector('span').textContent = t('queue.soundOn');
  });
}

/** Sends the form with the proof of work that the queue asks for. */
async function enter(form) {
  if (entering) return;
  entering = true;
  const [button, hint, progress] = ['button', '[role=status]', 'progress'].map((one) => form.querySelector(one));
  [button.disabled, progress.hidden, hint.textContent] = [true, false, t('queue.solving')];
  try {
    form.elements.proof.value = await proofFor(event);
    form.submit();
  } catch (error) {
    // Of a queue that has ended meanwhile, the page says so.
    if (error.status > 0) form.submit();
    else hint.textContent = t('queue.noTask');
  }
  // The page may be shown again from the browser's memory.
  [button.disabled, progress.hidden, entering] = [false, true, false];
}

function isTurnNow() {
  return part.dataset.turn === 'true';
}

function seconds(text) {
  return text ? Number(text) * 1000 : null;
}

/** Asks after so many milliseconds; `null` means that there is nothing more to ask. */
function later(ms) {
  clearTimeout(timer);
  if (ms !== null) timer = setTimeout(ask, ms);
}

function askNow() {
  if (part.dataset.nextPoll && Date.now() - askedAt > JUST_ASKED_MS) ask();
}

async function ask() {
  if (asking) return;
  if (entering) return void later(RETRY_MS);
  clearTimeout(timer);
  [asking, askedAt] = [true, Date.now()];
  let next;
  try {
    next = await answered();
    [failures, heardAt] = [0, Date.now()];
    stale.hidden = true;
  } catch (error) {
    failures += 1;
    sayStale();
    const wait = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** (failures - 1));
    next = Math.max((error.retryAfter ?? 0) * 1000, wait * (0.75 + Math.random() / 2));
  }
  asking = false;
  later(next);
}

/** Shows the place as it is now; returns the time until the next question. */
async function answered() {
  let status;
  try {
    status = await request('GET', `/api/queue/${event}/status`);
  } catch (error) {
    if (![401, 403, 404].includes(error.status)) throw error;
    // The line has ended, or the session has: the page says which.
    return takeOver();
  }
  if (signature(status) !== part.dataset.shown) return takeOver();
  showNumbers(status);
  return status.nextPollSeconds * 1000;
}

/** As the page has it in `data-shown`. */
function signature({ status, phase, paused, opensAt, passExpiresAt, passUsed }) {
  return `${status} ${phase} ${paused} ${opensAt ?? ''} ${passExpiresAt ?? ''} ${passUsed}`;
}

/** Reads the page again and takes its words over. */
async function takeOver() {
  const answer = await fetch(here, { credentials: 'same-origin', headers: { Accept: 'text/html' } });
  if (!answer.ok) throw new Error(`the page was answered with ${answer.status}`);
  const read = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = read.getElementById('queue-now');
  if (!fresh) throw new Error('this is another page');
  const isTurn = fresh.dataset.turn === 'true' && !isTurnNow();
  const hadFocus = part.contains(document.activeElement);
  part.replaceChildren(...fresh.childNodes);
  for (const name of ['shown', 'turn', 'nextPoll']) {
    if (fresh.dataset[name] === undefined) delete part.dataset[name];
    else part.dataset[name] = fresh.dataset[name];
  }
  document.title = read.title;
  if (hadFocus) part.querySelector('a, button, summary')?.focus();
  tick();
  if (isTurn) {
    signal(true);
    document.getElementById('queue-sound')?.remove();
  }
  return seconds(part.dataset.nextPoll);
}

function showNumbers({ status, position, total, estimate, prospects }) {
  put('ahead', position === null ? '–' : number(position));
  put('total', number(total));
  put('gaps', position > 0 && position >= total ? t('queue.gaps') : '');
  put('wait', waitOf(estimate));
  put('prospects', prospectsOf(prospects, status === 'PRE_QUEUE' ? null : (position ?? 0), total));
}

function put(name, words) {
  const element = part.querySelector(`[data-queue="${name}"]`);
  if (element && element.textContent.trim() !== words) element.textContent = words;
}

function waitOf(estimate) {
  if (!estimate) return t('queue.unknown');
  const [wait, low] = [duration(estimate.seconds), duration(estimate.low)];
  if (estimate.high === null) return t('queue.aboutOrMore', { wait });
  const high = duration(estimate.high);
  return high === low ? t('queue.about', { wait }) : t('queue.aboutSpread', { wait, low, high });
}

function duration(time) {
  if (time <= 60) return t('queue.minute');
  if (time < 7200) return t('queue.minutes', { n: Math.ceil(time / 60) });
  return t('queue.hours', { n: Math.ceil(time / 3600) });
}

function prospectsOf({ outlook, placesLeft, placesHeld }, position, total) {
  const forAll = position === null;
  const isFew = outlook === 'FEW' || (outlook === 'PLACES' && forAll && placesLeft <= total);
  const few = forAll ? t('queue.fewForAll', { left: placesLeft, n: total }) : t('queue.few', { left: placesLeft, n: Math.min(position, Math.max(total - 1, 0)) });
  if (isFew) return few;
  switch (outlook) {
    case 'PLACES':
      return t('queue.places', { left: placesLeft });
    case 'SOLD_OUT_FOR_NOW':
      return t('queue.soldOutForNow', { held: placesHeld });
    case 'SOLD_OUT':
      return t('queue.soldOut');
    default:
      return t('queue.notOnSale');
  }
}

function sayStale() {
  const age = Math.round((Date.now() - heardAt) / 1000);
  const words = age < 100 ? t('clock.seconds', { n: age }) : duration(age);
  stale.textContent = t('queue.stale', { age: words });
  stale.hidden = false;
}
