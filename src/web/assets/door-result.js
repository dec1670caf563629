// The result of a check-in, as words and as a page in colour.

import { now } from './clock.js';
import { dateTime, t } from './strings.js';

const MARKS = {
  checking: '…',
  valid: '✓',
  used: '✕',
  void: '✕',
  unknown: '?',
  wrong: '↪',
  undone: '↶',
  offline: '!',
  busy: '!',
  session: '!',
  failed: '!',
};

/** Kinds of results after which the code may still be valid, and is kept. */
export const UNDECIDED = new Set(['offline', 'busy', 'session', 'failed']);

/** Returns what a checked-in ticket shows. */
export function admitted(ticket) {
  return {
    kind: 'valid',
    title: t('door.valid'),
    name: '',
    seat: place(ticket),
    more: '',
    ticketId: ticket.id,
  };
}

/** Returns what a refusal (an `ApiError`) shows. */
export function refused(error) {
  const { status, code, details } = error;
  const shows = (kind, more = '', rest = {}) => ({
    kind,
    title: t(`door.${kind}`),
    name: '',
    seat: '',
    more,
    ...rest,
  });
  switch (code) {
    case 'ALREADY_CHECKED_IN':
      return shows('used', usedWhen(details), { seat: place(details), ticketId: details.ticketId });
    case 'WRONG_EVENT':
      return shows('wrong', details.eventName ?? '', { ticketId: details.ticketId });
    case 'WRONG_STATE':
      return shows('void', t('door.voidMore'));
    case 'TICKET_NOT_FOUND':
      return shows('unknown', t('door.unknownMore'));
    case 'NETWORK':
      return shows('offline', t('door.offlineMore'));
    default:
      break;
  }
  if (status === 401 || status === 403) return shows('session', t('door.sessionMore'));
  // The gate or the code has a form that no ticket has.
  if (status === 400 || status === 422) return shows('unknown', error.message);
  if (status === 429 || status === 503) return shows('busy', t('door.busyMore'));
  return shows('failed', error.message);
}

/** Returns the seat of a ticket, or the name of its product. */
export function place({ seat, productId }) {
  if (!seat) return products().get(productId) ?? '';
  const { section, row, label, number } = seat;
  return t('door.seat', { section, row, seat: String(label ?? number) });
}

/** Returns when and where a ticket was used. */
export function usedWhen({ checkedInAt, gate }) {
  if (!checkedInAt) return '';
  const day = { dateStyle: 'short' };
  const isToday = dateTime(checkedInAt, day) === dateTime(now(), day);
  const style = isToday ? { timeStyle: 'medium' } : { ...day, timeStyle: 'medium' };
  const values = { time: dateTime(checkedInAt, style), gate };
  return t(gate ? 'door.usedAt' : 'door.usedWhen', values);
}

/** Returns one sentence for screen readers and the list of the last tickets. */
export function sentence({ title, name, seat, more }) {
  return [title, name, seat, more].filter(Boolean).join(', ');
}

/** Makes an element with a class and a text. */
export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Makes a button that calls a function. */
export function button(className, text, onClick) {
  const made = element('button', className, text);
  made.type = 'button';
  made.addEventListener('click', onClick);
  return made;
}

/** Fills the section with a result and its buttons. */
export function show(section, result, buttons) {
  const title = element('h2', '', result.title);
  title.id = 'door-result-title';
  const mark = element('p', 'door-result-mark', MARKS[result.kind]);
  mark.setAttribute('aria-hidden', 'true');
  const tools = element('p', 'door-result-tools');
  tools.append(...buttons);
  const lines = ['name', 'seat', 'more']
    .filter((line) => result[line])
    .map((line) => element('p', `door-result-${line}`, result[line]));
  section.replaceChildren(mark, title, ...lines, tools);
  section.dataset.kind = result.kind;
  section.hidden = false;
}

let names;

function products() {
  if (!names) {
    const list = JSON.parse(document.getElementById('products')?.textContent ?? '[]');
    names = new Map(list.map(({ id, name }) => [id, name]));
  }
  return names;
}
