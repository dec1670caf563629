// A room of the chat: what is said appears, also after the connection was lost, and what is written is
// sent over the same connection. Texts of people are set as text, never as HTML.

import { ApiError, newKey, pause, request } from './api.js';
import { dateTime, has, t } from './strings.js';

const RETRY_MS = 1000;
const RETRY_MAX_MS = 30_000;
/** How long a person counts as typing after the last sign. */
const TYPING_MS = 4000;
/** The least time between two signs of one's own typing. */
const TYPING_EVERY_MS = 2500;
/** How long an answer to a message may take before it is sent again. */
const ANSWER_MS = 10_000;

const list = document.getElementById('messages');
const form = document.getElementById('write');
const { room, me } = list.dataset;
const byId = new Map([...list.children].map((item) => [item.dataset.id, item]));

/** Messages that are not confirmed yet, by their nonce. */
const waiting = new Map();
const typing = new Map();
let rev = Number(list.dataset.rev);
let socket = null;
let failures = 0;
let toldTyping = 0;

function say(id, text) {
  const place = document.getElementById(id);
  if (place && place.textContent !== text) place.textContent = text;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Puts a message where its place in the room is; one that is there already is replaced. */
function show(message) {
  const item = element('li', message.author.id === me ? 'message own' : 'message');
  item.id = `message-${message.id}`;
  item.dataset.id = message.id;
  item.dataset.seq = message.seq;
  const facts = element('p', 'facts');
  facts.append(element('span', 'person', message.author.name ?? t('chat.no_name')));
  const time = element('time', 'hint', dateTime(message.createdAt));
  time.dateTime = message.createdAt;
  facts.append(time);
  if (message.isEdited && !message.isDeleted) facts.append(element('span', 'hint', t('chat.edited')));
  item.append(facts);
  if (message.replyToMessageId) {
    const answered = element('a', 'fine', t('chat.answers'));
    answered.href = `#message-${message.replyToMessageId}`;
    item.append(answered);
  }
  if (message.isDeleted) item.append(element('p', 'hint', t('chat.deleted')));
  else item.append(element('p', 'plain-text', message.content));
  const known = byId.get(message.id);
  // The forms of a page that was loaded stay below a message that was only edited.
  if (known && !message.isDeleted) item.append(...known.querySelectorAll('details, a.fine[rel]'));
  if (known) known.replaceWith(item);
  else place(item, message.seq);
  byId.set(message.id, item);
  document.getElementById('nothing-said')?.remove();
}

function place(item, seq) {
  const isAtEnd = innerHeight + scrollY >= document.body.scrollHeight - 200;
  let after = list.lastElementChild;
  while (after && Number(after.dataset.seq) > seq) after = after.previousElementSibling;
  if (after) after.after(item);
  else list.prepend(item);
  if (isAtEnd) form?.scrollIntoView({ block: 'end' });
}

function showTyping() {
  const names = [...typing.values()].map(({ name }) => name || t('chat.no_name'));
  say('typing', names.length === 0 ? '' : t('chat.types', { names: names.slice(0, 3).join(', ') }));
}

function stopTyping(id) {
  clearTimeout(typing.get(id)?.timer);
  typing.delete(id);
  showTyping();
}

function refuse(error) {
  const place = document.getElementById('refused');
  if (!place) return;
  const key = `error.${error.code}`;
  place.textContent = has(key) ? t(key) : (error.details?.reason ?? error.message);
  place.hidden = false;
}

const heard = {
  joinedRoom(data) {
    failures = 0;
    say('connection', '');
    say('presence', t('chat.present', { n: data.present }));
    // More was said than comes again: the page is read anew.
    if (data.hasMissed && rev > 0) location.reload();
    rev = data.rev;
    for (const draft of waiting.values()) transmit(draft);
  },
  message(message) {
    rev = Math.max(rev, message.rev);
    stopTyping(message.author.id);
    show(message);
    if (message.author.id === me) confirmed(message.nonce);
    else tell('read', { seq: message.seq });
  },
  messageChanged(message) {
    rev = Math.max(rev, message.rev);
    show(message);
  },
  presence: ({ count }) => say('presence', t('chat.present', { n: count })),
  typing({ user }) {
    if (user.id === me) return;
    clearTimeout(typing.get(user.id)?.timer);
    typing.set(user.id, { name: user.name, timer: setTimeout(() => stopTyping(user.id), TYPING_MS) });
    showTyping();
  },
  stopTyping: ({ user }) => stopTyping(user.id),
  leftRoom: () => end(t('chat.ended')),
  roomClosed: () => end(t('chat.closed')),
  error(error) {
    if (error.nonce && waiting.has(error.nonce) && error.code !== 'BUSY') {
      // It stays in the field, to be sent again.
      const draft = waiting.get(error.nonce);
      confirmed(error.nonce);
      if (form && !form.text.value) form.text.value = draft.content;
    }
    refuse(error);
  },
};

function tell(event, data) {
  if (socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify({ event, data: { roomId: room, ...data } }));
  }
}

function transmit({ content, nonce }) {
  tell('sendMessage', { content, nonce });
}

function confirmed(nonce) {
  clearTimeout(waiting.get(nonce)?.timer);
  waiting.delete(nonce);
}

/** Shows that the room goes on without this page. */
function end(text) {
  list.dataset.live = 'false';
  socket?.close();
  say('connection', text);
}

async function connect() {
  try {
    // It renews the session if need be, and says if the room is closed to one.
    await request('GET', `/api/chat/rooms/${room}`);
  } catch (error) {
    if (error instanceof ApiError && [401, 403, 404].includes(error.status)) return end(t('chat.ended'));
    return again();
  }
  const address = new URL('/api/chat/socket', location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  socket = new WebSocket(address);
  socket.onopen = () => tell('joinRoom', { after: rev });
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.data.roomId === undefined || frame.data.roomId === room) heard[frame.event]?.(frame.data);
  };
  socket.onclose = again;
  return undefined;
}

async function again() {
  socket = null;
  if (list.dataset.live !== 'true') return;
  say('connection', t('chat.lost'));
  failures += 1;
  await pause(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** (failures - 1)) * (1 + Math.random()));
  connect();
}

function write(event) {
  const content = form.text.value.trim();
  // Without a connection the form is sent as browsers send it.
  if (socket?.readyState !== WebSocket.OPEN) return;
  event.preventDefault();
  if (!content) return;
  const draft = { content, nonce: newKey() };
  waiting.set(draft.nonce, { ...draft, timer: setTimeout(() => socket?.close(), ANSWER_MS) });
  transmit(draft);
  form.text.value = '';
  document.getElementById('refused').hidden = true;
  form.text.focus();
}

if (list.dataset.live === 'true') {
  form?.addEventListener('submit', write);
  form?.text.addEventListener('keydown', (event) => {
    // Enter sends; while a syllable is composed it belongs to the keyboard.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form?.text.addEventListener('input', () => {
    const time = performance.now();
    if (time - toldTyping < TYPING_EVERY_MS && toldTyping > 0) return;
    toldTyping = time;
    tell('typing', {});
  });
  addEventListener('online', () => socket ?? connect());
  connect();
}
