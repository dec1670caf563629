// A grid over the seats of a plan, to find those at a point, in a rectangle or in a direction.

/** Length of a cell's side in seat pitches. */
const CELL = 4;
/** The most cells; for plans whose seats are far apart the cells become larger. */
const MAX_CELLS = 262_144;

export class SeatGrid {
  constructor(x, y) {
    this.x = x;
    this.y = y;
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let at = 0; at < x.length; at += 1) {
      if (x[at] < left) left = x[at];
      if (x[at] > right) right = x[at];
      if (y[at] < top) top = y[at];
      if (y[at] > bottom) bottom = y[at];
    }
    if (x.length === 0) [left, top, right, bottom] = [0, 0, 0, 0];
    this.left = left;
    this.top = top;
    this.cell = Math.max(CELL, Math.sqrt(((right - left + CELL) * (bottom - top + CELL)) / MAX_CELLS));
    this.columns = Math.floor((right - left) / this.cell) + 1;
    this.lines = Math.floor((bottom - top) / this.cell) + 1;
    this.#sort();
  }

  /** Sorts the seats by cell: those of cell c are `items[starts[c]]` to before `items[starts[c+1]]`. */
  #sort() {
    const { x, y, cell, left, top, columns } = this;
    const cells = new Uint32Array(x.length);
    this.starts = new Uint32Array(columns * this.lines + 1);
    for (let at = 0; at < x.length; at += 1) {
      cells[at] = Math.floor((y[at] - top) / cell) * columns + Math.floor((x[at] - left) / cell);
      this.starts[cells[at] + 1] += 1;
    }
    for (let at = 1; at < this.starts.length; at += 1) this.starts[at] += this.starts[at - 1];
    const next = this.starts.slice();
    this.items = new Uint32Array(x.length);
    for (let at = 0; at < x.length; at += 1) this.items[next[cells[at]]++] = at;
  }

  /** Calls `visit(position)` for every seat in the cells that touch a rectangle. */
  visit(left, top, right, bottom, visit) {
    const within = (value, most) => Math.min(most, Math.max(0, Math.floor(value / this.cell)));
    if (right < this.left - this.cell || bottom < this.top - this.cell) return;
    const [fromColumn, toColumn] = [left, right].map((value) => within(value - this.left, this.columns - 1));
    const [fromLine, toLine] = [top, bottom].map((value) => within(value - this.top, this.lines - 1));
    for (let line = fromLine; line <= toLine; line += 1) {
      const end = this.starts[line * this.columns + toColumn + 1];
      for (let at = this.starts[line * this.columns + fromColumn]; at < end; at += 1) visit(this.items[at]);
    }
  }

  /** Returns the seat nearest to a point within a radius, or -1. */
  at(x, y, radius) {
    let [found, least] = [-1, radius * radius];
    this.visit(x - radius, y - radius, x + radius, y + radius, (position) => {
      const distance = (this.x[position] - x) ** 2 + (this.y[position] - y) ** 2;
      if (distance <= least) [found, least] = [position, distance];
    });
    return found;
  }

  /**
   * Returns the nearest seat in a direction of length 1 among those that `accept`, or -1. A seat
   * straight ahead goes before a nearer one that is aside.
   */
  towards(position, dx, dy, accept) {
    const [x, y] = [this.x[position], this.y[position]];
    const far = this.cell * Math.max(this.columns, this.lines) + this.cell;
    for (let reach = this.cell; ; reach *= 3) {
      let [found, least] = [-1, Infinity];
      this.visit(x - reach, y - reach, x + reach, y + reach, (other) => {
        const [offX, offY] = [this.x[other] - x, this.y[other] - y];
        const ahead = offX * dx + offY * dy;
        const aside = Math.abs(offX * dy - offY * dx);
        if (ahead < 0.3 || aside > 2 * ahead || ahead > reach) return;
        const cost = ahead + 2 * aside;
        if (cost < least && accept(other)) [found, least] = [other, cost];
      });
      // A better seat could still be outside of the searched square if the cost exceeds its reach.
      if (found >= 0 && (least <= reach || reach > far)) return found;
      if (reach > far) return -1;
    }
  }
}
