// The look of a seat in each state, drawn once per size into one picture from which the map copies
// it. State shows by shape as well as by colour: free seats are filled, held ones hollow, sold ones
// a small dot, blocked ones a dash, the buyer's own have a check mark.

import * as plan from './plan.js';

/** Kinds of seats; free ones have a kind for each price zone. */
export const ZONES = 8;
const [MINE, PENDING, HELD, SOLD, BLOCKED] = [8, 9, 10, 11, 12];
/** Scales from which on seats show marks and numbers, in CSS pixels per pitch. */
const MARKS_FROM = 10;
export const LABELS_FROM = 21;
/** Side of a sprite in seat pitches. */
export const SIDE = 1.2;
const SHEET = 1024;
const MOST_SHEETS = 8;

/** Returns the kind and marks of a seat as one number below 256. */
export function lookOf(state, flags, product) {
  let kind = SOLD;
  if (flags & plan.MINE) kind = MINE;
  else if (flags & plan.PENDING) kind = PENDING;
  else if (state === plan.FREE || state === plan.KEPT) kind = product % ZONES;
  else if (state === plan.HELD) kind = HELD;
  else if (state === plan.BLOCKED) kind = BLOCKED;
  const marks = (flags & (plan.ACCESSIBLE | plan.COMPANION | plan.RESTRICTED)) | (flags & plan.SUGGESTED ? 8 : 0);
  return kind | (marks << 4);
}

export class SeatSprites {
  constructor(colours, companionMark) {
    this.colours = colours;
    this.companionMark = companionMark;
    this.sheets = [];
    this.size = 0;
  }

  /** Prepares sprites for a scale in device pixels per pitch, reusing near sizes while zooming. */
  prepare(scale, exact, ratio) {
    const near = Math.abs(Math.log(scale / this.size)) < 0.3;
    const full = this.known?.size > MOST_SHEETS * this.perLine ** 2;
    if (this.size > 0 && !full && (this.size === scale || (near && !exact))) return;
    this.size = scale;
    this.ratio = ratio;
    this.side = Math.ceil(scale * SIDE) + 2;
    this.perLine = Math.floor(SHEET / this.side);
    this.sheets.length = Math.min(this.sheets.length, 1);
    for (const pen of this.sheets) {
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, SHEET, SHEET);
    }
    this.known = new Map();
  }

  /**
   * Returns the number of the sprite of a look with a label (may be empty). All sprites of a frame
   * are found before any is copied: a sheet that changes between copies would be copied as a whole.
   */
  find(look, label) {
    const key = label ? `${look} ${label}` : look;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const number = this.known.size;
    this.known.set(key, number);
    const [sheet, x, y] = this.place(number);
    const pen = (this.sheets[sheet] ??= newSheet());
    pen.setTransform(1, 0, 0, 1, x + this.side / 2, y + this.side / 2);
    drawSeat(pen, this.size, this.size / this.ratio, look, label, this.colours, this.companionMark);
    return number;
  }

  /** Returns the sheet of a sprite and its place there. */
  place(number) {
    const within = number % this.perLine ** 2;
    const sheet = Math.floor(number / this.perLine ** 2);
    return [sheet, (within % this.perLine) * this.side, Math.floor(within / this.perLine) * this.side];
  }
}

function newSheet() {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = SHEET;
  return canvas.getContext('2d');
}

/** Draws a seat around the origin; `unit` is a pitch in the context's pixels, `scale` in CSS pixels. */
export function drawSeat(pen, unit, scale, look, label, colours, companionMark) {
  const [kind, marks] = [look & 15, look >> 4];
  const radius = unit * 0.41;
  pen.lineWidth = Math.max(1, unit * 0.08);
  const circle = (size) => {
    pen.beginPath();
    pen.arc(0, 0, size, 0, 2 * Math.PI);
  };
  if (kind < ZONES) {
    pen.fillStyle = colours.zones[kind];
    circle(radius);
    pen.fill();
    drawMarks(pen, unit, scale, marks, colours, companionMark, label);
  } else if (kind === MINE || kind === PENDING) {
    pen.fillStyle = pen.strokeStyle = colours.mine;
    circle(unit * 0.46);
    if (kind === MINE) {
      pen.fill();
      pen.strokeStyle = colours.onMine;
      pen.lineWidth = Math.max(1, unit * 0.12);
      check(pen, unit * 0.4);
    } else {
      pen.lineWidth = Math.max(1.5, unit * 0.14);
      pen.setLineDash([unit * 0.22, unit * 0.16]);
      pen.stroke();
      pen.setLineDash([]);
    }
  } else if (kind === HELD) {
    pen.strokeStyle = colours.held;
    circle(radius - pen.lineWidth / 2);
    pen.stroke();
  } else if (kind === SOLD) {
    pen.fillStyle = colours.sold;
    circle(unit * 0.17);
    pen.fill();
  } else {
    pen.fillStyle = colours.blocked;
    pen.fillRect(-unit * 0.22, -unit * 0.06, unit * 0.44, Math.max(1, unit * 0.12));
  }
  if (marks & 8) {
    pen.strokeStyle = colours.suggested;
    pen.lineWidth = Math.max(1.5, unit * 0.12);
    circle(unit * 0.5);
    pen.stroke();
  }
}

function drawMarks(pen, unit, scale, marks, colours, companionMark, label) {
  pen.fillStyle = pen.strokeStyle = colours.onSeat;
  if (marks & plan.RESTRICTED) {
    // A part of the seat is cut off, as is its view.
    pen.save();
    pen.globalCompositeOperation = 'destination-out';
    pen.beginPath();
    pen.moveTo(unit * 0.5, -unit * 0.18);
    pen.lineTo(unit * 0.5, unit * 0.5);
    pen.lineTo(-unit * 0.18, unit * 0.5);
    pen.fill();
    pen.restore();
  }
  if (scale < MARKS_FROM) return;
  if (marks & plan.ACCESSIBLE) wheelchair(pen, unit * 0.3);
  else if (marks & plan.COMPANION) text(pen, unit, companionMark, 0.5);
  else if (label) text(pen, unit, label, label.length > 2 ? 0.34 : 0.42, marks & plan.RESTRICTED ? -0.07 : 0);
}

function text(pen, unit, words, share, shift = 0) {
  pen.font = `600 ${Math.round(unit * share)}px system-ui, sans-serif`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(words, unit * shift, unit * (0.03 + shift), unit * 0.72);
}

function check(pen, size) {
  pen.beginPath();
  pen.moveTo(-size * 0.5, size * 0.05);
  pen.lineTo(-size * 0.12, size * 0.42);
  pen.lineTo(size * 0.52, -size * 0.36);
  pen.stroke();
}

function wheelchair(pen, size) {
  pen.lineWidth = Math.max(1, size * 0.22);
  pen.beginPath();
  pen.arc(-size * 0.1, -size * 0.72, size * 0.2, 0, 2 * Math.PI);
  pen.fill();
  pen.beginPath();
  pen.moveTo(-size * 0.1, -size * 0.45);
  pen.lineTo(-size * 0.1, size * 0.15);
  pen.lineTo(size * 0.4, size * 0.15);
  pen.lineTo(size * 0.62, size * 0.7);
  pen.stroke();
  pen.beginPath();
  pen.arc(-size * 0.05, size * 0.3, size * 0.52, -2.6, 0.9, true);
  pen.stroke();
}
