// The seats of a plan as flat arrays: positions on the plan, states, flags, neighbours. A seat's
// *position* is its place in these arrays; its *index* is its number in the event's stock.

import { SeatGrid } from './seat-grid.js';

/** States of a seat. Kept seats are free, too. */
export const NONE = 0;
export const FREE = 1;
export const KEPT = 2;
export const HELD = 3;
export const SOLD = 4;
export const BLOCKED = 5;

/** Flags of a seat. */
export const ACCESSIBLE = 1;
export const COMPANION = 2;
export const RESTRICTED = 4;
export const MINE = 8;
export const PENDING = 16;
export const SUGGESTED = 32;

const STATE_OF_LETTER = new Uint8Array(128);
for (const [index, letter] of [...'-akhsb'].entries()) STATE_OF_LETTER[letter.charCodeAt(0)] = index;
const STATE_OF_STATUS = { AVAILABLE: FREE, HELD, SOLD, BLOCKED };

export class Plan {
  /** Takes the answer of `/api/events/{event}/plan`. */
  constructor(data) {
    this.data = data;
    this.bounds = data.bounds;
    this.prefix = data.seatIdPrefix;
    this.sections = data.sections.map((section) => ({
      ...section,
      box: boxOf(section.outline),
      total: 0,
      free: 0,
      mine: 0,
      positions: [0, 0],
    }));
    const used = new Set(data.sections.flatMap((section) => section.productIds));
    const zones = data.zones.map((zone) => zone.productId).filter((id) => used.has(id));
    /** The products that have seats, in the order of the zones. */
    this.products = [...new Set([...zones, ...used])];
    this.rows = [];
    this.#count();
    this.#place();
    this.grid = new SeatGrid(this.x, this.y);
    this.#findApart();
  }

  #count() {
    let [count, last] = [0, -1];
    for (const section of this.sections) {
      for (const row of section.rows) {
        for (const run of row.runs) {
          count += run.count;
          last = Math.max(last, run.firstSeat + run.count - 1);
        }
      }
    }
    this.count = count;
    this.x = new Float32Array(count);
    this.y = new Float32Array(count);
    this.state = new Uint8Array(count).fill(FREE);
    this.flags = new Uint8Array(count);
    this.product = new Uint8Array(count);
    this.rowOf = new Uint32Array(count);
    this.sectionOf = new Uint16Array(count);
    this.place = new Uint16Array(count);
    this.indexOf = new Uint32Array(count);
    this.positionOf = new Int32Array(last + 1).fill(-1);
  }

  #place() {
    let next = 0;
    for (const [number, section] of this.sections.entries()) {
      section.positions[0] = next;
      for (const row of section.rows) next = this.#placeRow(row, number, next);
      section.positions[1] = next;
      section.total = section.free = next - section.positions[0];
    }
  }

  #placeRow(row, section, first) {
    const path = pathOf(row);
    const id = this.rows.length;
    let next = first;
    for (const run of [...row.runs].sort((a, b) => a.from - b.from)) {
      const product = Math.max(0, this.products.indexOf(run.productId));
      for (let step = 0; step < run.count; step += 1, next += 1) {
        const place = run.from + step;
        this.x[next] = path[2 * place - 2];
        this.y[next] = path[2 * place - 1];
        this.place[next] = place;
        this.product[next] = product;
        this.rowOf[next] = id;
        this.sectionOf[next] = section;
        this.indexOf[next] = run.firstSeat + step;
        this.positionOf[run.firstSeat + step] = next;
      }
    }
    this.#flag(row.accessible, ACCESSIBLE, first, next);
    this.#flag(row.companion, COMPANION, first, next);
    this.#flag(row.restricted, RESTRICTED, first, next);
    this.rows.push({ row, name: row.name, section, first, last: next - 1, ...this.#formOf(first, next - 1) });
    return next;
  }

  /** Returns whether a row leads from left to right or from top to bottom, and whether it is a table. */
  #formOf(first, last) {
    if (last <= first) return { isUpright: false, isClosed: false };
    const [x, y] = [this.x[last] - this.x[first], this.y[last] - this.y[first]];
    return { isUpright: Math.abs(y) > Math.abs(x), isClosed: last - first >= 3 && Math.hypot(x, y) < 2 };
  }

  /**
   * Returns the seat to which an arrow key `(dx, dy)` leads, or -1: along the row to the next seat,
   * across it to the nearest seat of another row.
   */
  towards(position, dx, dy) {
    const row = this.rows[this.rowOf[position]];
    const [before, after] = [Math.max(row.first, position - 1), Math.min(row.last, position + 1)];
    let [alongX, alongY] = [this.x[after] - this.x[before], this.y[after] - this.y[before]];
    const length = Math.hypot(alongX, alongY);
    if (length === 0) return this.#other(position, dx, dy, row);
    [alongX, alongY] = [alongX / length, alongY / length];
    if ((dx !== 0) !== row.isUpright) {
      const [wayX, wayY] = [this.x[row.last] - this.x[row.first], this.y[row.last] - this.y[row.first]];
      const step = row.isClosed ? dx + dy : Math.sign(wayX * dx + wayY * dy);
      for (let at = position + step; at >= row.first && at <= row.last; at += step) if (this.state[at] !== NONE) return at;
      return this.#other(position, dx, dy, row);
    }
    const side = Math.sign(-alongY * dx + alongX * dy) || 1;
    const across = this.#other(position, -alongY * side, alongX * side, row);
    return across >= 0 ? across : this.#other(position, dx, dy, row);
  }

  #other(position, dx, dy, row) {
    return this.grid.towards(position, dx, dy, (at) => this.state[at] !== NONE && (at < row.first || at > row.last));
  }

  #flag(places, flag, from, to) {
    if (!places?.length) return;
    const flagged = new Set(places);
    for (let at = from; at < to; at += 1) if (flagged.has(this.place[at])) this.flags[at] |= flag;
  }

  /** Returns the section at a point of the plan, or -1; where outlines overlap, that of the nearest seat. */
  sectionAt(x, y) {
    const found = [];
    for (const [number, section] of this.sections.entries()) if (holds(section, x, y)) found.push(number);
    if (found.length < 2) return found[0] ?? -1;
    const seat = this.grid.at(x, y, NEAR);
    return seat >= 0 ? this.sectionOf[seat] : found[0];
  }

  /** Finds the sections whose outline holds seats of no other section: it can be drawn as a line. */
  #findApart() {
    const meet = (a, b) => a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];
    const near = this.sections.map(({ box }) => this.sections.filter((other) => meet(box, other.box)));
    for (const section of this.sections) section.isApart = true;
    for (const { section, first, last } of this.rows) {
      if (last < first) continue;
      for (const other of near[section]) {
        if (other === this.sections[section] || !other.isApart) continue;
        const ends = [first, (first + last) >> 1, last];
        if (ends.some((at) => holds(other, this.x[at], this.y[at]))) other.isApart = false;
      }
    }
  }

  /**
   * Returns where the words of a section go: the middle of its seats above and below the label, and
   * how much room there is, as `{x, y, width, edge, height}`: `edge` is the width further up and down.
   */
  middleOf({ label: [x, y], positions }) {
    const column = this.#extent(positions, this.x, x, this.y);
    const middle = column ? (column[0] + column[1]) / 2 : y;
    const length = (range) => (range ? range[1] - range[0] + 1 : 1);
    const height = length(column);
    const widthAt = (part) => length(this.#extent(positions, this.y, middle + part * height, this.x));
    return { x, y: middle, width: widthAt(0), edge: Math.min(widthAt(-0.3), widthAt(0.3)), height };
  }

  /** Returns the least and greatest `along` of the seats whose `across` is near a value. */
  #extent([from, to], across, value, along) {
    for (const within of [1, 4]) {
      let [least, most] = [Infinity, -Infinity];
      for (let at = from; at < to; at += 1) {
        if (Math.abs(across[at] - value) > within) continue;
        least = Math.min(least, along[at]);
        most = Math.max(most, along[at]);
      }
      if (least <= most) return [least, most];
    }
    return null;
  }

  /** Returns the public id of the seat at a position. */
  id(position) {
    return this.prefix + this.indexOf[position];
  }

  /** Returns the position of a seat by its public id, or -1 if the plan does not show it. */
  position(id) {
    if (!id.startsWith(this.prefix)) return -1;
    return this.positionOf[Number(id.slice(this.prefix.length))] ?? -1;
  }

  /** Returns the label of a seat in its row. */
  label(position) {
    const { row } = this.rows[this.rowOf[position]];
    const place = this.place[position];
    const nth = row.direction === 'rtl' ? row.seats - place : place - 1;
    const { labels, start = 1, step = 1 } = row.numbering ?? {};
    return labels ? (labels[nth] ?? '') : String(start + nth * step);
  }

  /** Returns whether the seat can be held. */
  isFree(position) {
    return this.state[position] === FREE || this.state[position] === KEPT;
  }

  /** Sets a seat's state. Returns whether it is another one than before. */
  setState(position, state) {
    const before = this.state[position];
    if (before === state) return false;
    const [was, is] = [before === FREE || before === KEPT, state === FREE || state === KEPT];
    const section = this.sections[this.sectionOf[position]];
    section.free += is - was;
    section.total += (state !== NONE) - (before !== NONE);
    this.state[position] = state;
    return true;
  }

  /** Sets all states from one letter per seat. */
  setAll(letters) {
    for (let index = 0; index < this.positionOf.length; index += 1) {
      const position = this.positionOf[index];
      if (position >= 0) this.setState(position, STATE_OF_LETTER[letters.charCodeAt(index) & 127] ?? NONE);
    }
  }

  /** Sets the states of the seats `[{id, status}]`. Returns whether any of them is shown. */
  setSome(seats) {
    let changed = false;
    for (const { id, status } of seats) {
      const position = this.position(id);
      if (position < 0) continue;
      changed = this.setState(position, STATE_OF_STATUS[status] ?? NONE) || changed;
    }
    return changed;
  }

  /** Sets or clears a flag of one seat. */
  mark(position, flag, on) {
    if (position < 0) return;
    if (on) this.flags[position] |= flag;
    else this.flags[position] &= ~flag;
  }

  /** Marks the seats that the caller holds, and counts them by section. */
  markMine(positions) {
    this.unmarkAll(MINE);
    for (const section of this.sections) section.mine = 0;
    for (const position of positions) {
      if (position < 0) continue;
      this.mark(position, MINE, true);
      this.sections[this.sectionOf[position]].mine += 1;
    }
  }

  /** Clears a flag of all seats. */
  unmarkAll(flag) {
    for (let at = 0; at < this.count; at += 1) this.flags[at] &= ~flag;
  }

  /** Returns the free seats of the same section that are nearest to a seat, nearest first. */
  nearestFree(position, count) {
    const [from, to] = this.sections[this.sectionOf[position]].positions;
    const found = [];
    for (let at = from; at < to; at += 1) {
      if (at === position || !this.isFree(at) || this.flags[at] & (MINE | PENDING)) continue;
      found.push([Math.hypot(this.x[at] - this.x[position], this.y[at] - this.y[position]), at]);
    }
    return found.sort((a, b) => a[0] - b[0]).slice(0, count).map(([, at]) => at);
  }
}

/** Distance up to which a seat tells to which section a point belongs. */
const NEAR = 6;

/** Returns whether a point lies within the outline of a section. */
function holds({ outline, box }, x, y) {
  if (x < box[0] || x > box[2] || y < box[1] || y > box[3]) return false;
  let inside = false;
  for (let at = 0, last = outline.length - 1; at < outline.length; last = at, at += 1) {
    const [[ax, ay], [bx, by]] = [outline[at], outline[last]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/** Returns the least rectangle around points. */
function boxOf(points) {
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** Returns the centres of a row's seats, x and y in turn. */
export function pathOf(row) {
  const { spacing = 1, curve = 0, gaps = [] } = row;
  const path = new Float64Array(2 * row.seats);
  let [x, y, direction] = [row.x, row.y, ((row.rotation ?? 0) * Math.PI) / 180];
  const turn = (curve * Math.PI) / 180;
  const widths = new Map(gaps.map((gap) => [gap.after, gap.width]));
  for (let seat = 1; seat <= row.seats; seat += 1) {
    path[2 * seat - 2] = x;
    path[2 * seat - 1] = y;
    const length = spacing + (widths.get(seat) ?? 0);
    x += length * Math.cos(direction);
    y += length * Math.sin(direction);
    direction += (turn * length) / spacing;
  }
  return path;
}
