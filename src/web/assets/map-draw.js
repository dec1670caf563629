// Draws the part of the plan that a view shows: stage, sections with their free seats, and from a
// scale on the seats themselves.

import { FREE, NONE } from './plan.js';
import { SeatPixels } from './seat-pixels.js';
import { LABELS_FROM, SeatSprites, ZONES, drawSeat, lookOf } from './seat-sprites.js';
import { sectionLines } from './map-text.js';
import { drawShape, shapesOf } from './section-shape.js';
import { t } from './strings.js';

/** Scale from which on seats are drawn, in CSS pixels per pitch. */
export const SEATS_FROM = 6.5;
const ROW_NAMES_FROM = 11;
/** The label that a stage has if the organiser chose none. */
const DEFAULT_STAGE_LABEL = 'Stage';
const FONT = 'system-ui, sans-serif';

/** Returns the font of names. */
function bold(size) {
  return `600 ${size}px ${FONT}`;
}

/** Reads the colours of the map from the custom properties of an element. */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const read = (name, fallback) => style.getPropertyValue(`--map-${name}`).trim() || fallback;
  const available = read('available', '#1f6feb');
  return {
    zones: Array.from({ length: ZONES }, (_, at) => read(`zone-${at + 1}`, available)),
    available,
    mine: read('mine', '#111827'),
    onMine: read('on-mine', '#ffffff'),
    held: read('held', '#8a8f98'),
    sold: read('sold', '#b4b8bf'),
    blocked: read('blocked', '#b4b8bf'),
    focus: read('focus', '#d9480f'),
    suggested: read('suggested', '#d9480f'),
    onSeat: read('on-seat', '#ffffff'),
    text: read('text', '#1f2328'),
    outline: read('outline', '#c4c9d1'),
    ground: read('ground', '#ffffff'),
  };
}

export class MapDrawing {
  constructor(canvas, plan, prices) {
    this.canvas = canvas;
    this.pen = canvas.getContext('2d', { alpha: false });
    this.plan = plan;
    this.prices = prices;
    this.labels = new Array(plan.count);
    this.widths = new Map();
    for (const section of plan.sections) {
      const byHeight = [...section.outline].sort((a, b) => a[1] - b[1]);
      section.ends = [byHeight[0], byHeight[byHeight.length - 1]];
    }
  }

  /** Reads the colours again: the theme may be another one. */
  restyle(element) {
    this.colours = coloursOf(element);
    // With one price alone the colour means "free".
    if (this.plan.products.length === 1) this.colours.zones.fill(this.colours.available);
    this.sprites = new SeatSprites(this.colours, t('map.companionMark'));
    this.pixels = new SeatPixels(this.colours, t('map.companionMark'));
  }

  /** Draws one frame. `focus` and `hover` are `{section}` or `{seat}` or null. */
  draw(view, { focus, hover, settled }) {
    const ratio = this.canvas.width / view.width;
    this.ratio = ratio;
    const { pen } = this;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = this.colours.ground;
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const seats = view.scale >= SEATS_FROM;
    const [left, top] = view.toPlan(0, 0);
    const [right, bottom] = view.toPlan(view.width, view.height);
    this.#stage(view);
    const shown = this.plan.sections.filter(
      ({ box }) => box[0] <= right && box[2] >= left && box[1] <= bottom && box[3] >= top,
    );
    for (const section of shown) this.#section(view, section, seats, hover?.section ?? focus?.section);
    if (seats) {
      this.#seats(view, ratio, [left - 1, top - 1, right + 1, bottom + 1], settled);
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      if (view.scale >= ROW_NAMES_FROM) this.#rowNames(view, [left, top, right, bottom]);
    }
    for (const section of shown) this.#sectionWords(view, section, seats);
    if (hover?.seat >= 0 && seats) this.#ring(view, hover.seat, this.colours.text, 1.5);
    if (focus?.seat >= 0 && seats) this.#ring(view, focus.seat, this.colours.focus, 3);
    if (focus && !(focus.seat >= 0)) this.#around(view, this.plan.sections[focus.section]);
  }

  #seats(view, ratio, box, settled) {
    this.pen.setTransform(1, 0, 0, 1, 0, 0);
    if (view.scale < LABELS_FROM) this.pixels.draw(this.pen, view, ratio, this.plan, box);
    else this.#largeSeats(view, ratio, box, settled);
  }

  /** Draws seats that are large enough for their numbers. */
  #largeSeats(view, ratio, [left, top, right, bottom], settled) {
    const { pen, plan, sprites } = this;
    const { state, flags, product } = plan;
    const scale = view.scale * ratio;
    sprites.prepare(scale, settled, ratio);
    const found = [];
    plan.grid.visit(left, top, right, bottom, (at) => {
      if (state[at] === NONE) return;
      const look = lookOf(state[at], flags[at], product[at]);
      found.push(at, sprites.find(look, (look & 15) < ZONES ? (this.labels[at] ??= plan.label(at)) : ''));
    });
    const size = (sprites.side * scale) / sprites.size;
    const offsetX = (view.width / 2) * ratio - view.centre[0] * scale - size / 2;
    const offsetY = (view.height / 2) * ratio - view.centre[1] * scale - size / 2;
    const exact = sprites.size === scale ? Math.round : (value) => value;
    for (let next = 0; next < found.length; next += 2) {
      const [sheet, x, y] = sprites.place(found[next + 1]);
      const [toX, toY] = [exact(plan.x[found[next]] * scale + offsetX), exact(plan.y[found[next]] * scale + offsetY)];
      pen.drawImage(sprites.sheets[sheet].canvas, x, y, sprites.side, sprites.side, toX, toY, size, size);
    }
  }

  #stage(view) {
    const { pen, colours } = this;
    const { stage, labels } = this.plan.data;
    if (stage) {
      const [x, y] = view.toScreen(stage.x - stage.width / 2, stage.y - stage.height / 2);
      const [width, height] = [stage.width * view.scale, stage.height * view.scale];
      pen.fillStyle = colours.outline;
      pen.beginPath();
      if (pen.roundRect) pen.roundRect(x, y, width, height, Math.min(8, height / 4));
      else pen.rect(x, y, width, height);
      pen.fill();
      const words = stage.label === DEFAULT_STAGE_LABEL ? t('map.stage') : stage.label || '';
      const font = bold(13);
      if (this.#widthOf(words, font) < width - 4) this.#words(words, x + width / 2, y + height / 2, font);
    }
    for (const { x, y, text } of labels ?? []) this.#words(text, ...view.toScreen(x, y), bold(12));
  }

  #trace(view, outline) {
    this.pen.beginPath();
    for (const [x, y] of outline) this.pen.lineTo(...view.toScreen(x, y));
    this.pen.closePath();
  }

  #section(view, section, seats, lit) {
    const { pen, colours } = this;
    if (!seats) {
      const isLit = this.plan.sections[lit] === section;
      section.shapes ??= shapesOf(this.plan, section);
      for (const [product, path] of section.shapes) {
        pen.strokeStyle = section.free > 0 ? colours.zones[product % ZONES] : colours.sold;
        pen.globalAlpha = section.free > 0 ? 0.28 + (0.25 * section.free) / section.total + (isLit ? 0.15 : 0) : 0.3;
        drawShape(pen, view, this.ratio, path);
      }
      pen.globalAlpha = 1;
    } else if (section.isApart) {
      this.#trace(view, section.outline);
      pen.strokeStyle = colours.outline;
      pen.lineWidth = 1;
      pen.stroke();
    }
  }

  #around(view, section) {
    this.#trace(view, section.outline);
    this.pen.strokeStyle = this.colours.focus;
    this.pen.lineWidth = 3;
    this.pen.stroke();
  }

  #sectionWords(view, section, seats) {
    if (seats) return this.#nameBeside(view, section);
    section.middle ??= this.plan.middleOf(section);
    const [x, y] = view.toScreen(section.middle.x, section.middle.y);
    const [width, edge, height] = ['width', 'edge', 'height'].map((side) => section.middle[side] * view.scale);
    const lines = this.#linesOf(section);
    const size = Math.min(14, Math.max(10, height / 4));
    const fonts = lines.map((_, line) => (line ? `400 ${size - 1}px ${FONT}` : bold(size)));
    for (let count = Math.max(1, Math.min(lines.length, Math.floor(height / (size * 1.3)))); count > 0; count -= 1) {
      const room = (line) => (count === 1 || line * 2 === count - 1 ? width : count === 2 ? (width + edge) / 2 : edge);
      if (!lines.slice(0, count).every((words, line) => this.#widthOf(words, fonts[line]) <= room(line) + 4)) continue;
      for (let line = 0; line < count; line += 1) {
        this.#words(lines[line], x, y + (line - (count - 1) / 2) * size * 1.3, fonts[line], false);
      }
      return undefined;
    }
    return this.#nameBeside(view, section);
  }

  /** Returns the words on a section; numbers and prices are put into words when they change. */
  #linesOf(section) {
    const counts = `${section.free} ${section.mine}`;
    if (section.linesFor !== counts) {
      section.linesFor = counts;
      section.lines = sectionLines(section, this.prices);
    }
    return section.lines;
  }

  /** Writes the name of a section where it covers no seat: above, below or beside it. */
  #nameBeside(view, section) {
    const [left, top] = view.toScreen(section.box[0], section.box[1]);
    const [right, bottom] = view.toScreen(section.box[2], section.box[3]);
    const size = view.scale < ROW_NAMES_FROM ? 11 : 13;
    const half = this.#widthOf(section.name, bold(size)) / 2 + 4;
    const [middle, centre, off] = [(left + right) / 2, (top + bottom) / 2, size * 0.62];
    const [first, last] = section.ends.map((point) => view.toScreen(...point));
    const places = [
      [first[0], first[1] - off],
      [middle, top - off],
      [last[0], last[1] + off],
      [left - half, centre],
      [right + half, centre],
    ];
    const free = places.find(([x, y]) => {
      if (x < half || y < off || x > view.width - half || y > view.height - off) return false;
      const over = this.plan.sections[this.plan.sectionAt(...view.toPlan(x, y))];
      return (!over || over === section || !over.isApart) && !this.#covers(view, x - half, y - off, x + half, y + off);
    });
    if (free) this.#words(section.name, free[0], free[1], bold(size));
  }

  /** Returns whether a rectangle on the screen covers a seat or the stage. */
  #covers(view, left, top, right, bottom) {
    const { plan } = this;
    const [[fromX, fromY], [toX, toY]] = [view.toPlan(left, top), view.toPlan(right, bottom)];
    const { stage } = plan.data;
    if (stage && Math.abs(stage.x - (fromX + toX) / 2) < (stage.width + toX - fromX) / 2) {
      if (Math.abs(stage.y - (fromY + toY) / 2) < (stage.height + toY - fromY) / 2) return true;
    }
    let covered = false;
    plan.grid.visit(fromX - 0.4, fromY - 0.4, toX + 0.4, toY + 0.4, (at) => {
      const [x, y] = [plan.x[at], plan.y[at]];
      covered ||= x > fromX - 0.4 && x < toX + 0.4 && y > fromY - 0.4 && y < toY + 0.4;
    });
    return covered;
  }

  #rowNames(view, [left, top, right, bottom]) {
    const { plan } = this;
    const size = Math.min(12, view.scale * 0.62);
    const font = `400 ${size}px ${FONT}`;
    for (const { name, first, last, isClosed } of plan.rows) {
      if (last < first) continue;
      if (isClosed) {
        const [x, y] = [plan.x, plan.y].map(
          (values) => values.subarray(first, last + 1).reduce((sum, one) => sum + one, 0) / (last + 1 - first),
        );
        const room = (2 * Math.hypot(plan.x[first] - x, plan.y[first] - y) - 1) * view.scale;
        this.#words(this.#shortened(name, font, room), ...view.toScreen(x, y), font);
        continue;
      }
      const next = Math.min(first + 1, last);
      for (const [at, beside] of [[first, next], [last, Math.max(last - 1, first)]]) {
        const [x, y] = [plan.x[at], plan.y[at]];
        if (x < left || x > right || y < top || y > bottom) continue;
        const length = Math.hypot(x - plan.x[beside], y - plan.y[beside]) || 1;
        const [stepX, stepY] = at === beside ? [-1, 0] : [(x - plan.x[beside]) / length, (y - plan.y[beside]) / length];
        this.#rowName(view, name, { x, y, stepX, stepY }, font, size);
      }
    }
  }

  /** Writes the name of a row beyond its last seat, away from the row; shorter where it would cover seats. */
  #rowName(view, name, { x, y, stepX, stepY }, font, size) {
    const [middle, across] = view.toScreen(x + stepX * 1.05, y + stepY * 1.05);
    const room = view.scale * 0.95;
    const width = this.#widthOf(name, font);
    if (width <= room || Math.abs(stepY) > Math.abs(stepX)) {
      this.#words(this.#shortened(name, font, room), middle, across, font);
      return;
    }
    const side = Math.sign(stepX);
    const near = middle - side * room * 0.5;
    const far = near + side * width;
    // Across an aisle another row may have its name, so that there has to be room for two.
    const ends = [near, far + side * width].sort((a, b) => a - b);
    const fits = far > 0 && far < view.width && !this.#covers(view, ends[0], across - size / 2, ends[1], across + size / 2);
    const words = fits ? name : this.#shortened(name, font, room);
    this.#words(words, near + (side * this.#widthOf(words, font)) / 2, across, font);
  }

  /** Returns words, or as much of their beginning and end as there is room for: names differ in either. */
  #shortened(words, font, room) {
    const width = this.#widthOf(words, font);
    if (width <= room) return words;
    const letters = [...words];
    for (let kept = Math.floor((letters.length * room) / width); kept > 0; kept -= 1) {
      const head = kept >> 1;
      const short = `${letters.slice(0, head).join('')}…${letters.slice(head - kept).join('')}`;
      if (this.#widthOf(short, font) <= room) return short;
    }
    return '';
  }

  /** Writes words around a point. */
  #words(words, x, y, font, halo = true) {
    const { pen } = this;
    pen.font = font;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    if (halo) {
      pen.lineJoin = 'round';
      pen.lineWidth = 3;
      pen.strokeStyle = this.colours.ground;
      pen.globalAlpha = 0.75;
      pen.strokeText(words, x, y);
      pen.globalAlpha = 1;
    }
    pen.fillStyle = this.colours.text;
    pen.fillText(words, x, y);
  }

  /** Returns the width of words in a font. */
  #widthOf(words, font) {
    const key = `${font} ${words}`;
    let width = this.widths.get(key);
    if (width === undefined) {
      if (this.widths.size > 5000) this.widths.clear();
      this.pen.font = font;
      width = this.pen.measureText(words).width;
      this.widths.set(key, width);
    }
    return width;
  }

  #ring(view, seat, colour, width) {
    const { pen } = this;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.arc(...view.toScreen(this.plan.x[seat], this.plan.y[seat]), view.scale * 0.5 + width / 2 + 1, 0, 2 * Math.PI);
    pen.stroke();
  }
}

/** Draws the picture of a state for the legend. */
export function drawKey(canvas, colours, { state = FREE, flags = 0, product = 0 }) {
  const ratio = devicePixelRatio || 1;
  canvas.width = canvas.height = 22 * ratio;
  const pen = canvas.getContext('2d');
  pen.translate(canvas.width / 2, canvas.height / 2);
  drawSeat(pen, 19 * ratio, 19, lookOf(state, flags, product), '', colours, t('map.companionMark'));
}
