// The door: tickets by camera, by a scanner that types, or by hand. Every code is decided by the
// server, one after the other; without a connection no ticket is admitted.

import { request } from './api.js';
import { Camera } from './door-camera.js';
import { Kept } from './door-kept.js';
import { admitted, button, element, refused, sentence, show, UNDECIDED } from './door-result.js';
import { Counts, isWhole, Search } from './door-search.js';
import { signal, unlock } from './door-sound.js';
import { dateTime, t, useTimeZone } from './strings.js';

const DECIDE_TIMEOUT_MS = 6000;
/** A valid ticket leaves the screen by itself; any other result stays until it is dismissed. */
const VALID_SHOWN_MS = 4000;
/** A scanner that reads a ticket twice means it once. */
const SAME_CODE_MS = 3000;
const LOGGED = 10;
/** Results that are about a ticket. */
const OF_TICKETS = new Set(['valid', 'used', 'void', 'wrong']);

const byId = (id) => document.getElementById(id);
const door = byId('door');
const { event, timeZone } = door.dataset;
const [result, says, log, state] = ['door-result', 'door-says', 'door-log', 'door-state'].map(byId);
const [form, field, gate] = ['door-form', 'door-code', 'door-gate'].map(byId);

if (timeZone) useTimeZone(timeZone);
const kept = new Kept(byId('door-kept'), event, checkIn);
const search = new Search(door.dataset.search, { checkIn, undo });
const counts = new Counts(door.dataset.counts, (answered) => {
  state.textContent = answered ? '' : t('door.noConnection');
});

/** Codes that wait for the one before them. */
const waiting = [];
let deciding = false;
let leaves = 0;

/** The last code that was scanned or typed, and when it was decided. */
let last = { code: '', at: -Infinity };

/** Takes a code that was scanned or typed. */
function scan(text) {
  const code = text.trim();
  if (!code || (code === last.code && performance.now() - last.at < SAME_CODE_MS)) return;
  last = { code, at: Infinity };
  checkIn(code);
}

/** Decides a code after those before it. */
function checkIn(code) {
  if (waiting.includes(code)) return;
  waiting.push(code);
  if (!deciding) decideAll();
}

async function decideAll() {
  deciding = true;
  for (let code = waiting.shift(); code !== undefined; code = waiting.shift()) {
    display({ kind: 'checking', title: t('door.checking') });
    await decide(code);
    if (code === last.code) last.at = performance.now();
  }
  deciding = false;
}

async function decide(code) {
  // A part of a code decides nothing: the staff chooses among the tickets that it means.
  if (!isWhole(code) && (await search.list(code).catch(() => false))) {
    kept.drop(code);
    shown.kind = 'found';
    dismiss();
    return;
  }
  const attempt = kept.attempt(code, gate.value.trim());
  const body = { code, eventId: event };
  if (attempt.gate) body.gate = attempt.gate;
  let outcome;
  try {
    const options = { key: attempt.key, guest: false, timeout: DECIDE_TIMEOUT_MS };
    outcome = admitted(await request('POST', '/api/checkins', body, options));
  } catch (error) {
    outcome = refused(error);
  }
  if (UNDECIDED.has(outcome.kind)) kept.keep(attempt);
  else kept.drop(code);
  outcome.code = code;
  signal(outcome.kind === 'valid');
  settle(outcome);
  if (OF_TICKETS.has(outcome.kind)) addName(outcome);
}

/** Adds the holder's name and the place, which the answer of a check-in does not have or not always. */
async function addName(outcome) {
  const ticket = await search.ticket(outcome.code).catch(() => null);
  if (!ticket) return;
  outcome.name = ticket.name;
  outcome.seat ||= ticket.seat || ticket.product;
  outcome.entry.textContent = entryText(outcome);
  if (outcome.isShown) display(outcome);
}

async function undo(ticketId) {
  last = { code: '', at: -Infinity };
  display({ kind: 'checking', title: t('door.checking') });
  let outcome;
  try {
    const options = { guest: false, timeout: DECIDE_TIMEOUT_MS };
    await request('POST', '/api/checkins/undo', { ticketId }, options);
    outcome = { kind: 'undone', title: t('door.undone'), more: t('door.undoneMore') };
  } catch (error) {
    outcome = refused(error);
    if (error.code === 'WRONG_STATE') outcome.more = t('door.notIn');
    if (error.code === 'NETWORK') outcome.more = t('door.undoOffline');
  }
  settle(outcome);
}

/** Shows a final result, and lists it. */
function settle(outcome) {
  outcome.at = new Date();
  outcome.entry = element('li', '', entryText(outcome));
  outcome.entry.dataset.kind = outcome.kind;
  log.prepend(outcome.entry);
  while (log.childElementCount > LOGGED) log.lastElementChild.remove();
  display(outcome);
  counts.update();
  search.refresh();
}

function entryText(outcome) {
  return `${dateTime(outcome.at, { timeStyle: 'medium' })} ${sentence(outcome)}`;
}

let shown = {};

function display(outcome) {
  shown.isShown = false;
  outcome.isShown = true;
  shown = outcome;
  clearTimeout(leaves);
  show(result, outcome, buttonsFor(outcome));
  says.textContent = outcome.kind === 'checking' ? '' : sentence(outcome);
  if (outcome.kind === 'valid') leaves = setTimeout(leave, VALID_SHOWN_MS);
}

/** Dismisses a valid ticket, but not from under a finger, a pointer or the keyboard's focus. */
function leave() {
  const inUse = result.matches(':hover') || result.contains(document.activeElement);
  if (inUse) leaves = setTimeout(leave, VALID_SHOWN_MS);
  else dismiss();
}

function buttonsFor({ kind, ticketId, code }) {
  if (kind === 'checking') return [];
  const buttons = [button('button door-next', t('door.next'), dismiss)];
  if (kind === 'valid') {
    buttons.unshift(button('button door-undo', t('door.undo'), () => undo(ticketId)));
  } else if (kind === 'session') {
    const link = element('a', 'button door-sign-in', t('door.signIn'));
    link.href = door.dataset.signIn;
    buttons.unshift(link);
  } else if (UNDECIDED.has(kind) && code) {
    buttons.unshift(button('button door-again', t('door.retry'), () => checkIn(code)));
  }
  return buttons;
}

function dismiss() {
  clearTimeout(leaves);
  if (shown.kind === 'checking') return;
  shown.isShown = false;
  const hadFocus = result.contains(document.activeElement);
  result.hidden = true;
  result.replaceChildren();
  if (hadFocus) focusField();
}

function focusField() {
  // On a phone the focus would bring up the keyboard over the camera.
  if (matchMedia('(pointer: fine)').matches) field.focus();
  else field.blur();
}

form.addEventListener('submit', (submitted) => {
  submitted.preventDefault();
  scan(field.value);
  field.value = '';
  focusField();
});

document.addEventListener('keydown', (key) => {
  unlock();
  if (key.key === 'Escape' && !result.hidden) return dismiss();
  // A scanner types at any time: its characters belong to the field, wherever the focus is.
  const typed = key.key.length === 1 && key.key !== ' ' && !key.ctrlKey && !key.metaKey && !key.altKey;
  if (typed && !key.target.matches?.('input, textarea, select')) field.focus();
  return undefined;
});
document.addEventListener('pointerdown', unlock);

const GATE_STORE = 'admitone.door.gate';
try {
  gate.value ||= localStorage.getItem(GATE_STORE) ?? '';
  gate.addEventListener('change', () => localStorage.setItem(GATE_STORE, gate.value.trim()));
} catch {
  // Storage is off: the gate is entered anew after a reload.
}

const [video, cameraState, cameraButton] = [
  byId('door-video'),
  byId('door-camera-state'),
  byId('door-camera-button'),
];
const camera = new Camera(video, { onCode: scan, onEnd: showCamera });

function showCamera(now) {
  video.hidden = now !== 'on';
  cameraState.dataset.state = now;
  cameraState.textContent = t(`door.camera.${now}`);
  cameraButton.textContent = t(now === 'on' ? 'door.cameraStop' : 'door.cameraStart');
}

cameraButton.addEventListener('click', async () => {
  if (camera.runs) camera.stop();
  else showCamera(await camera.start());
});
window.addEventListener('pagehide', () => camera.stop());
// With the permission of an earlier time the camera starts without a tap.
navigator.permissions
  ?.query({ name: 'camera' })
  .then((permission) => permission.state === 'granted')
  .catch(() => false) // Firefox before 126 has no such permission to ask for.
  .then(async (granted) => {
    showCamera(granted ? await camera.start() : 'off');
    cameraButton.hidden = false;
  });
focusField();
