// The caller's holds of an event. A picked seat is held at once: all seats picked or dropped since
// the last answer goes into one request, all requests go one after the other.

import { maySession, newKey, request } from './api.js';
import { now } from './clock.js';

const GONE = ['HOLD_EXPIRED', 'HOLD_NOT_FOUND', 'HOLD_ENDED'];

/** Events: `change`, `placed`, `dropped`, `taken`, `gone`, `refused`, `extended` (see `detail`). */
export class Holds extends EventTarget {
  constructor(event) {
    super();
    Object.assign(this, { event, url: `/api/events/${event}/holds`, list: [], adds: new Set(), drops: new Set() });
    this.sending = new Set();
    this.turn = Promise.resolve();
    this.#shareWithTabs();
  }

  /** Returns the ids of the seats that are held. */
  seats() {
    return this.list.flatMap(seatsOf);
  }

  /** Returns whether a request is under way or about to be sent. */
  isBusy() {
    return this.adds.size + this.drops.size + this.sending.size > 0;
  }

  /** Returns `mine`, `pending` or undefined. */
  stateOf(id) {
    if (this.drops.has(id)) return undefined;
    if (this.adds.has(id)) return 'pending';
    return this.list.some((hold) => seatsOf(hold).includes(id)) ? 'mine' : undefined;
  }

  /** Picks a seat, or gives it back. */
  toggle(id) {
    if (this.stateOf(id)) this.drop(id);
    else this.take([id]);
  }

  take(ids) {
    for (const id of ids) {
      this.drops.delete(id);
      if (this.stateOf(id) !== 'mine' || this.sending.has(id)) this.adds.add(id);
    }
    this.#settle();
  }

  drop(id) {
    const unsent = this.adds.delete(id) && !this.sending.has(id);
    if (!unsent) this.drops.add(id);
    this.#settle();
  }

  /** Reads the holds from the server; a caller without a session has none. */
  load() {
    return this.#next(async () => {
      if (!maySession()) return;
      try {
        const answer = await request('GET', this.url, undefined, { guest: false });
        const list = answer.filter((hold) => hold.status === 'ACTIVE');
        const ended = this.list.filter((hold) => !list.some((one) => one.id === hold.id));
        this.#replace(list);
        for (const hold of ended) this.#tell('gone', { code: hasRunOut(hold) ? 'HOLD_EXPIRED' : 'HOLD_ENDED' });
      } catch (error) {
        if (error.status === 401) this.#replace([]);
      }
    });
  }

  /** Holds the best seats available, in a hold of their own if there is one already. */
  best(bestAvailable) {
    return this.#next(() => this.#ask('POST', '', { bestAvailable }));
  }

  /** Sets how many places of a product without seats are held. */
  places(productId, quantity) {
    return this.#next(async () => {
      const hold = this.list.find((one) => linesOf(one).some((line) => line.productId === productId)) ?? this.list[0];
      if (!hold) return quantity > 0 ? this.#ask('POST', '', { lines: [{ productId, quantity }] }) : undefined;
      const lines = linesOf(hold).filter((line) => line.productId !== productId);
      if (quantity > 0) lines.push({ productId, quantity });
      return this.#change(hold, seatsOf(hold), lines);
    });
  }

  /** Gives a whole hold back. */
  release(hold) {
    return this.#next(() => this.#change(hold, [], []));
  }

  extend(hold) {
    return this.#next(async () => {
      const changed = await this.#ask('POST', `/${hold.id}/extend`, undefined, hold);
      if (changed) this.#tell('extended', { hold: changed });
    });
  }

  /** Puts work behind all other work. */
  #next(work) {
    this.turn = this.turn.then(work).catch((error) => this.#tell('refused', { error }));
    return this.turn;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #settle() {
    this.#tell('change');
    this.#next(async () => {
      while (this.adds.size + this.drops.size > 0) await this.#send();
    });
  }

  /** Sends the picks and drops so far: one request for one hold. */
  async #send() {
    for (const id of this.drops) if (!this.seats().includes(id)) this.drops.delete(id);
    for (const id of this.adds) if (this.seats().includes(id)) this.adds.delete(id);
    const other = this.list.slice(1).find((hold) => seatsOf(hold).some((id) => this.drops.has(id)));
    const hold = other ?? this.list[0];
    const adds = other ? [] : [...this.adds];
    const drops = hold ? seatsOf(hold).filter((id) => this.drops.has(id)) : [];
    if (adds.length + drops.length === 0) return;
    this.sending = new Set([...adds, ...drops]);
    this.again = false;
    const seats = [...(hold ? seatsOf(hold) : []).filter((id) => !drops.includes(id)), ...adds];
    let done;
    try {
      done = hold ? await this.#change(hold, seats, linesOf(hold)) : await this.#ask('POST', '', { seats });
    } finally {
      this.sending = new Set();
      if (!this.again) for (const id of drops) this.drops.delete(id);
      if (!this.again) for (const id of adds) this.adds.delete(id);
    }
    if (done && drops.length > 0) this.#tell('dropped', { seats: drops });
    this.#tell('change');
  }

  async #change(hold, seats, lines) {
    if (seats.length + lines.length === 0) {
      const released = await this.#ask('DELETE', `/${hold.id}`, undefined, hold);
      if (released) this.#replace(this.list.filter((one) => one.id !== hold.id));
      return released;
    }
    const body = {};
    if (seats.length > 0) body.seats = seats;
    if (lines.length > 0) body.lines = lines;
    return this.#ask('PATCH', `/${hold.id}`, body, hold);
  }

  /** Sends a request about a hold. Returns the hold after it, or undefined if it was refused. */
  async #ask(method, path, body, hold) {
    try {
      const answer = await request(method, this.url + path, body);
      if (method !== 'DELETE') {
        const others = this.list.filter((one) => one.id !== answer.id);
        const at = this.list.findIndex((one) => one.id === answer.id);
        others.splice(Math.max(0, at), 0, answer);
        const before = this.seats();
        this.#replace(others);
        const seats = this.seats().filter((id) => !before.includes(id));
        if (!path.endsWith('/extend')) this.#tell('placed', { hold: answer, seats });
      }
      this.channel?.postMessage('changed');
      return answer;
    } catch (error) {
      this.#refused(error, hold);
      return undefined;
    }
  }

  /** Tells of a refusal; sets `again` if the rest of the request is to be sent again. */
  #refused(error, hold) {
    const { seats: taken = [], nearest = [] } = error.details ?? {};
    if (error.code === 'SEATS_TAKEN' && taken.some((id) => this.adds.has(id))) {
      for (const id of taken) this.adds.delete(id);
      this.again = true;
      this.#tell('taken', { seats: taken, nearest });
    } else if (hold && GONE.includes(error.code)) {
      // The latest picks can still be held by themselves.
      this.again = true;
      this.#replace(this.list.filter((one) => one.id !== hold.id));
      this.#tell('gone', { code: error.code });
    } else {
      this.#tell('refused', { error });
      if (error.status === 0 || error.status >= 500) this.load();
    }
  }

  #replace(list) {
    const key = (holds) => JSON.stringify(holds.map((hold) => [hold.id, hold.expiresAt, seatsOf(hold), linesOf(hold)]));
    const changed = key(this.list) !== key(list);
    this.list = list;
    if (changed) this.#tell('change');
  }

  /** Other tabs of this browser read the holds again when this one has changed them. */
  #shareWithTabs() {
    const name = `admitone holds ${this.event}`;
    if (typeof BroadcastChannel === 'function') {
      this.channel = new BroadcastChannel(name);
      this.channel.onmessage = () => this.load();
      return;
    }
    this.channel = { postMessage: () => localStorage.setItem(name, newKey()) };
    addEventListener('storage', (event) => event.key === name && this.load());
  }
}

function hasRunOut(hold) {
  return Date.parse(hold.expiresAt) <= now() + 1000;
}

/** Returns the ids of the seats of a hold. */
export function seatsOf(hold) {
  return hold.lines.flatMap((line) => line.seats.map((seat) => seat.id));
}

/** Returns the lines of a hold without seats, in the form of a request. */
export function linesOf(hold) {
  const places = hold.lines.filter((line) => line.seats.length === 0);
  return places.map(({ productId, quantity }) => ({ productId, quantity }));
}
