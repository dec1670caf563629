// The part of the plan that the map shows: a centre and a scale in CSS pixels per seat pitch.

/** Scale to which the map zooms to have single seats picked, in CSS pixels per pitch. */
export const PICK_SCALE = 26;
const MAX_SCALE = 56;
const PADDING = 14;
const MOVE_MS = 220;
export const SETTLED_MS = 120;

export class MapView {
  /** `changed` is called whenever something else is to be shown. */
  constructor(bounds, changed) {
    this.bounds = bounds;
    this.changed = changed;
    [this.width, this.height, this.scale] = [1, 1, 1];
    this.centre = [(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2];
    [this.moving, this.zoomedAt] = [0, -Infinity];
    this.still = matchMedia('(prefers-reduced-motion: reduce)');
  }

  /** Takes a new size in CSS pixels; a map that showed everything still does. */
  resize(width, height) {
    const whole = this.width <= 1 || this.isWhole();
    [this.width, this.height] = [width, height];
    if (whole) this.#set(this.whole());
    else this.#set({ centre: this.centre, scale: this.scale });
  }

  /** Returns the scale at which a rectangle of the plan just fits. */
  scaleFor([left, top, right, bottom]) {
    const fit = (space, length) => Math.max(40, space - 2 * PADDING) / Math.max(length, 1);
    return Math.min(MAX_SCALE, fit(this.width, right - left), fit(this.height, bottom - top));
  }

  /** Returns the view of the whole plan. */
  whole() {
    const [left, top, right, bottom] = this.bounds;
    return { centre: [(left + right) / 2, (top + bottom) / 2], scale: this.scaleFor(this.bounds) };
  }

  isWhole() {
    return this.scale <= this.scaleFor(this.bounds) * 1.001;
  }

  toPlan(x, y) {
    return [this.centre[0] + (x - this.width / 2) / this.scale, this.centre[1] + (y - this.height / 2) / this.scale];
  }

  toScreen(x, y) {
    return [(x - this.centre[0]) * this.scale + this.width / 2, (y - this.centre[1]) * this.scale + this.height / 2];
  }

  /** Moves by so many pixels. */
  pan(x, y) {
    this.stop();
    this.#set({ centre: [this.centre[0] - x / this.scale, this.centre[1] - y / this.scale], scale: this.scale });
  }

  /** Zooms so that the point under the pixel stays there. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    this.stop();
    this.#set(this.#zoomed(factor, x, y));
  }

  /** Like `zoom`, in a short movement. */
  glide(factor, x = this.width / 2, y = this.height / 2) {
    this.moveTo(this.#zoomed(factor, x, y));
  }

  #zoomed(factor, x, y) {
    const scale = this.#scale(this.scale * factor);
    const [planX, planY] = this.toPlan(x, y);
    return { centre: [planX - (x - this.width / 2) / scale, planY - (y - this.height / 2) / scale], scale };
  }

  /** Moves to a centre and scale, in a short movement unless the reader wants none. */
  moveTo({ centre, scale }) {
    this.stop();
    const to = { centre, scale: this.#scale(scale) };
    if (this.still.matches) return this.#set(to);
    const from = { centre: this.centre, scale: this.scale };
    const startedAt = performance.now();
    const step = (at) => {
      const part = Math.min(1, Math.max(0, (at - startedAt) / MOVE_MS));
      const eased = 1 - (1 - part) ** 3;
      const middle = from.scale * (to.scale / from.scale) ** eased;
      // The centre follows the scale, so that the movement is straight on the screen.
      const share = to.scale === from.scale ? eased : (1 / from.scale - 1 / middle) / (1 / from.scale - 1 / to.scale);
      const between = (axis) => from.centre[axis] + (to.centre[axis] - from.centre[axis]) * share;
      this.moving = part < 1 ? requestAnimationFrame(step) : 0;
      this.#set({ centre: [between(0), between(1)], scale: middle });
    };
    this.moving = requestAnimationFrame(step);
    return undefined;
  }

  /** Returns whether the scale has been the same for a moment. */
  isSettled() {
    return this.moving === 0 && performance.now() - this.zoomedAt > SETTLED_MS;
  }

  /** Ends a movement where it is. */
  stop() {
    cancelAnimationFrame(this.moving);
    this.moving = 0;
  }

  #scale(scale) {
    return Math.min(Math.max(MAX_SCALE, this.whole().scale), Math.max(this.whole().scale, scale));
  }

  #set({ centre, scale }) {
    const before = this.scale;
    this.scale = this.#scale(scale);
    if (this.scale !== before) this.zoomedAt = performance.now();
    this.centre = [0, 1].map((axis) => {
      const [least, most] = [this.bounds[axis], this.bounds[axis + 2]];
      const half = ([this.width, this.height][axis] / 2 - PADDING) / this.scale;
      // A plan that fits is centred; otherwise no more than the padding shows beyond its edge.
      if (most - least <= 2 * half) return (least + most) / 2;
      return Math.min(most - half, Math.max(least + half, centre[axis]));
    });
    this.changed();
  }
}
