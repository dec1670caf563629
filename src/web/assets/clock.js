// The server's clock and countdowns by it. The clock of the device is never trusted: only the time
// that has passed since an answer of the server counts.

import { has, t } from './strings.js';

/** The best estimate so far: server time = `base` + performance.now(), off by at most `error`. */
let best = null;
/** Drift that is allowed for, in ms of error per ms of age. */
const DRIFT = 0.0005;

/** Returns the server's time in ms since 1970. */
export function now() {
  return performance.now() + (best ? best.base : Date.now() - performance.now());
}

/**
 * Takes in a time of the server (text), sent between two values of `performance.now()`. Times that
 * are given in whole seconds have a `resolution` of 1000 ms.
 */
export function observe(text, sentAt, arrivedAt, resolution = 1) {
  const time = Date.parse(text ?? '');
  if (Number.isNaN(time)) return;
  const error = (arrivedAt - sentAt) / 2 + resolution / 2;
  const known = best ? best.error + (arrivedAt - best.at) * DRIFT : Infinity;
  const base = time + resolution / 2 - (sentAt + arrivedAt) / 2;
  // The clock of the page stood still (a sleeping device): the old estimate is wrong by that much.
  const jumped = best && Math.abs(base - best.base) > error + best.error + 2000;
  if (error <= known || jumped) best = { base, error, at: arrivedAt };
}

/** Returns a duration in ms as `m:ss`, `h:mm:ss` or days and time. */
export function durationText(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (value) => String(value).padStart(2, '0');
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (days > 0 && has('clock.days')) return t('clock.days', { n: days, time: `${hours}:${rest}` });
  return hours > 0 ? `${days * 24 + hours}:${rest}` : rest.replace(/^0/, '');
}

const MINUTE_MS = 60_000;
const RELOAD_WITHIN_MS = 3000;
let timer = 0;

/** Starts all elements `[data-countdown]` of the page, also those that are added later. */
export function countdowns() {
  const shown = document.documentElement.dataset.serverTime;
  if (shown && !best) observe(shown, 0, performance.now());
  document.addEventListener('visibilitychange', tick);
  tick();
}

/** Shows the time left now: call it after adding a countdown. */
export function tick() {
  clearTimeout(timer);
  const at = now();
  for (const element of document.querySelectorAll('[data-countdown]')) show(element, at);
  timer = setTimeout(tick, 1000 - (at % 1000) + 5);
}

function show(element, at) {
  const until = Date.parse(element.dateTime || element.getAttribute('datetime'));
  if (Number.isNaN(until)) return;
  const left = until - at;
  // The time itself stays, unless the words before it already ask for the time that is left.
  element.dataset.at ??= element.dataset.countdown === 'left' ? '' : element.textContent.trim();
  const time = durationText(left);
  const text = element.dataset.at ? `${element.dataset.at} · ${t('clock.left', { time })}` : time;
  if (element.textContent !== text) element.textContent = text;
  element.dataset.left = left <= 0 ? 'none' : left <= MINUTE_MS ? 'soon' : 'long';
  if (left > 0) {
    delete element.dataset.ended;
  } else if (element.dataset.ended !== element.getAttribute('datetime')) {
    element.dataset.ended = element.getAttribute('datetime');
    element.dispatchEvent(new CustomEvent('countdown-end', { bubbles: true }));
    if (element.hasAttribute('data-reload')) {
      setTimeout(() => location.reload(), Math.random() * RELOAD_WITHIN_MS);
    }
  }
}
