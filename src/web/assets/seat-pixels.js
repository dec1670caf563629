// Draws many small seats at once: copies the pixels of one picture per look into one image. A call of
// the canvas for every seat would take several times as long.

import { NONE } from './plan.js';
import { SIDE, drawSeat, lookOf } from './seat-sprites.js';

export class SeatPixels {
  constructor(colours, companionMark) {
    this.colours = colours;
    this.companionMark = companionMark;
    this.stamp = document.createElement('canvas');
    this.layer = document.createElement('canvas');
    this.pen = this.layer.getContext('2d');
    this.scale = 0;
  }

  /** Draws the seats within `[left, top, right, bottom]` of the plan onto a canvas of that size. */
  draw(pen, view, ratio, plan, [left, top, right, bottom]) {
    const { width, height } = pen.canvas;
    this.#prepare(view.scale * ratio, ratio, width, height);
    const { scale, side, out } = this;
    const { x, y, state, flags, product } = plan;
    const offsetX = (view.width / 2 - view.centre[0] * view.scale) * ratio - side / 2;
    const offsetY = (view.height / 2 - view.centre[1] * view.scale) * ratio - side / 2;
    out.fill(0);
    plan.grid.visit(left, top, right, bottom, (at) => {
      if (state[at] === NONE) return;
      const toX = Math.round(x[at] * scale + offsetX);
      const toY = Math.round(y[at] * scale + offsetY);
      if (toX <= -side || toY <= -side || toX >= width || toY >= height) return;
      const look = lookOf(state[at], flags[at], product[at]);
      const picture = this.looks[look] ?? this.#stampOf(look);
      const [fromColumn, toColumn] = [Math.max(0, -toX), Math.min(side, width - toX)];
      const toLine = Math.min(side, height - toY);
      for (let line = Math.max(0, -toY); line < toLine; line += 1) {
        const from = line * side;
        const to = (toY + line) * width + toX;
        for (let column = fromColumn; column < toColumn; column += 1) {
          const pixel = picture[from + column];
          if (pixel !== 0) out[to + column] = pixel;
        }
      }
    });
    this.pen.putImageData(this.image, 0, 0);
    pen.drawImage(this.layer, 0, 0);
  }

  #prepare(scale, ratio, width, height) {
    if (this.layer.width !== width || this.layer.height !== height || !this.image) {
      this.layer.width = width;
      this.layer.height = height;
      this.image = this.pen.createImageData(width, height);
      this.out = new Uint32Array(this.image.data.buffer);
    }
    if (this.scale === scale) return;
    this.scale = scale;
    this.ratio = ratio;
    this.side = Math.ceil(scale * SIDE) + 1;
    this.looks = new Array(256);
    this.stamp.width = this.stamp.height = this.side;
    this.stampPen = this.stamp.getContext('2d', { willReadFrequently: true });
  }

  #stampOf(look) {
    const pen = this.stampPen;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.side, this.side);
    pen.setTransform(1, 0, 0, 1, this.side / 2, this.side / 2);
    drawSeat(pen, this.scale, this.scale / this.ratio, look, '', this.colours, this.companionMark);
    const { data } = pen.getImageData(0, 0, this.side, this.side);
    this.looks[look] = new Uint32Array(data.buffer);
    return this.looks[look];
  }
}
