// Follows an event: counts, status and seats, by its stream, or by asking every few seconds where
// the stream does not get through. A tab in the background follows nothing.

import { pause, request } from './api.js';
import { now } from './clock.js';

const POLL_MS = 5000;
const RETRY_MS = 1000;
const RETRY_MAX_MS = 30_000;
/** Failures in a row after which the page polls between its attempts at a stream. */
const POLL_AFTER = 2;
/** Silence after which the page checks that the stream still works, and time to catch up. */
const QUIET_MS = 45_000;
const CATCH_UP_MS = 3000;
const HIDDEN_MS = 10_000;
/** The least time between two readings of all seats. */
const READ_EVERY_MS = 1000;

/** Returns a time between it and twice as much, so that browsers do not all come at once. */
const spread = (ms) => ms * (1 + Math.random());

export class Live {
  /**
   * `to` has `counts(products)`, `status(name)`, `connection(state, asOf)`, and for events with seats
   * `states(letters)` (all seats) and `seats([{id, status}])` (changes).
   */
  constructor(event, to) {
    Object.assign(this, { url: `/api/events/${event}`, to, seq: null, seen: -1, failures: 0, queue: [] });
    this.asOf = now();
    addEventListener('offline', () => this.#lost());
    addEventListener('online', () => this.#open());
    addEventListener('pagehide', () => this.#close());
    addEventListener('pageshow', (event) => event.persisted && this.#open());
    document.addEventListener('visibilitychange', () => this.#visibility());
    this.#open();
    if (to.states) this.#read();
  }

  #visibility() {
    clearTimeout(this.hiding);
    if (document.hidden) this.hiding = setTimeout(() => this.#close(), HIDDEN_MS);
    else if (!this.source) this.#open();
    else this.#check();
  }

  #close() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.again);
    clearTimeout(this.checking);
  }

  #open() {
    this.#close();
    if (navigator.onLine === false) return this.#lost();
    const source = new EventSource(`${this.url}/stream`);
    this.source = source;
    const listen = (name, take) =>
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        this.failures = 0;
        const data = JSON.parse(event.data);
        this.#heard(data);
        take(data);
        this.#connection('live');
        this.#checkLater();
      });
    listen('availability', (data) => this.#full(data));
    listen('delta', (data) => this.#delta(data));
    source.onerror = () => source === this.source && this.#failed();
    return undefined;
  }

  #lost() {
    this.#close();
    this.#connection('offline');
  }

  /** The stream broke or was refused: tries again later, and polls meanwhile if it keeps failing. */
  #failed() {
    this.#close();
    this.failures += 1;
    if (this.failures < POLL_AFTER) this.#connection('stale');
    const wait = spread(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** (this.failures - 1)));
    const until = performance.now() + wait;
    const poll = async () => {
      if (this.failures >= POLL_AFTER) await this.#poll();
      if (this.source || document.hidden || navigator.onLine === false) return;
      const left = until - performance.now();
      this.again = left > POLL_MS ? setTimeout(poll, spread(POLL_MS)) : setTimeout(() => this.#open(), Math.max(0, left));
    };
    poll();
  }

  async #poll() {
    try {
      const data = await request('GET', `${this.url}/availability`);
      this.#heard(data);
      this.#full(data);
      this.#connection('polling');
    } catch {
      this.#connection(navigator.onLine === false ? 'offline' : 'stale');
    }
  }

  #checkLater() {
    clearTimeout(this.checking);
    this.checking = setTimeout(() => this.#check(), spread(QUIET_MS));
  }

  /** A connection can be dead without an error: compares with an answer of the server. */
  async #check() {
    const source = this.source;
    try {
      const { seq } = await request('GET', `${this.url}/availability`);
      await pause(seq > this.seen ? CATCH_UP_MS : 0);
      if (source !== this.source) return;
      if (seq > this.seen) this.#open();
      else this.#checkLater();
    } catch {
      if (source === this.source && source) this.#failed();
    }
  }

  #connection(state) {
    this.to.connection(state, this.asOf);
  }

  #heard(data) {
    this.asOf = now();
    this.seen = Math.max(this.seen, data.seq);
    this.to.status(data.status);
    this.to.counts(data.products);
  }

  #full(data) {
    this.wanted = data.seq;
    if (this.to.states && this.seq !== data.seq) this.#read();
  }

  #delta(delta) {
    if (!this.to.states) return;
    if (this.reading) this.queue.push(delta);
    else this.#apply(delta);
  }

  /** Applies a delta. It may begin before the shown state: its statuses are those at its end. */
  #apply(delta) {
    if (delta.seq <= this.seq) return;
    if (delta.resync || delta.previousSeq > this.seq) {
      this.wanted = delta.seq;
      this.#read();
      return;
    }
    this.seq = delta.seq;
    if (delta.seats.length > 0) this.to.seats(delta.seats);
  }

  /** Reads the states of all seats, then takes in the changes that came meanwhile. */
  async #read() {
    if (this.reading) return;
    this.reading = true;
    const earlier = (this.readAt ?? -Infinity) + READ_EVERY_MS - performance.now();
    if (earlier > 0) await pause(spread(earlier / 2));
    for (let failures = 0; ; failures += 1) {
      try {
        const data = await request('GET', `${this.url}/seat-states`);
        this.readAt = performance.now();
        if (this.seq === null || data.seq >= this.seq) {
          this.seq = data.seq;
          await this.to.states(data.states);
        }
        break;
      } catch {
        await pause(spread(Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failures)));
      }
    }
    this.reading = false;
    const queue = this.queue.splice(0);
    for (const delta of queue) this.#delta(delta);
    if (this.seq < this.wanted) this.#read();
  }
}
