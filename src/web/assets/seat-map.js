// The seat map on one canvas: sections first, seats from a scale on; mouse, touch and keyboard. It
// shows a plan and tells which seat was picked. It knows nothing of holds.

import { MapDrawing, SEATS_FROM, drawKey } from './map-draw.js';
import { gestures } from './map-gestures.js';
import { keyboard } from './map-keys.js';
import { seatParts, sectionText } from './map-text.js';
import { MapView, PICK_SCALE, SETTLED_MS } from './map-view.js';
import * as plan from './plan.js';
import { money, t } from './strings.js';

/** Below this scale a finger cannot tell seats apart: the first tap zooms in. */
const TOUCH_SCALE = 17;
/** Greatest distance from a seat's centre at which a tap still means the seat, in pixels. */
const TOUCH_RADIUS = 20;
/** Sections that the description names, and how often it may change as seats are sold. */
const MOST_DESCRIBED = 40;
const DESCRIBE_MS = 5000;
/** Time for which a touched seat is described, in ms. */
const BRIEF_MS = 4000;

export class SeatMap {
  /** Fills `element`. `prices` is a map from product id to `{name, price}`; `pick(position)` is called. */
  constructor(element, seats, prices, pick) {
    Object.assign(this, { element, seats, prices, pick, focus: null, hover: null, frame: 0 });
    this.#build();
    this.view = new MapView(seats.bounds, () => this.refresh());
    this.drawing = new MapDrawing(this.canvas, seats, prices);
    this.drawing.restyle(element);
    this.#legend();
    this.#listen();
    this.#resize();
    this.#draw();
    this.#describe();
    element.dataset.ready = 'true';
  }

  /** Describes the canvas: the seat in focus, or the sections with their free seats. */
  #describe() {
    const { focus, seats } = this;
    let words = focus?.seat >= 0 ? this.textOf(focus) : '';
    if (!words) {
      const shown = seats.sections.slice(0, MOST_DESCRIBED);
      words = shown.map((section) => sectionText(section, this.prices)).join('; ');
    }
    if (this.canvas.getAttribute('aria-label') !== words) this.canvas.setAttribute('aria-label', words);
  }

  /** Draws again with the next frame. */
  refresh() {
    this.frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Says a sentence to screen readers. */
  say(words) {
    this.#describe();
    // The same words twice would not be announced: a trailing space makes them differ.
    this.says.textContent = this.says.textContent === words ? `${words}\u00a0` : words;
  }

  /** Returns whether single seats are shown. */
  showsSeats() {
    return this.view.scale >= SEATS_FROM;
  }

  /** Moves to a seat, near enough to pick it. */
  show(position) {
    const scale = Math.max(this.view.scale, PICK_SCALE);
    this.view.moveTo({ centre: [this.seats.x[position], this.seats.y[position]], scale });
  }

  /** Moves to a section, so near that its seats are shown; of a large one, to the part at a point. */
  showSection(number, point) {
    const { box } = this.seats.sections[number];
    const [whole, least] = [this.view.scaleFor(box), SEATS_FROM * 1.3];
    const middle = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    this.view.moveTo({ centre: whole < least && point ? point : middle, scale: Math.max(whole, least) });
  }

  showWhole() {
    this.view.moveTo(this.view.whole());
  }

  #build() {
    const make = (tag, className, attributes = {}) => {
      const node = document.createElement(tag);
      if (className) node.className = className;
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      return node;
    };
    const button = (className, sign, name, act) => {
      const node = make('button', className, { type: 'button', 'aria-label': name, title: name });
      node.textContent = sign;
      node.addEventListener('click', act);
      return node;
    };
    this.canvas = make('canvas', '', { role: 'img', 'aria-label': t('map.label') });
    this.tip = make('div', 'map-tip', { 'aria-hidden': 'true', hidden: '' });
    const role = { tabindex: '0', role: 'application', 'aria-label': t('map.label'), 'aria-describedby': 'map-help' };
    this.box = make('div', 'map-frame', role);
    this.box.append(this.canvas, this.tip);
    const [left, top, right, bottom] = this.seats.bounds;
    this.box.style.setProperty('--map-ratio', String((right - left + 2) / (bottom - top + 2)));
    const tools = make('div', 'map-tools', { role: 'group', 'aria-label': t('map.tools') });
    tools.append(
      button('map-in', '+', t('map.zoomIn'), () => this.view.glide(1.7)),
      button('map-out', '\u2212', t('map.zoomOut'), () => this.view.glide(1 / 1.7)),
      button('map-whole', '\u2922', t('map.whole'), () => this.showWhole()),
    );
    const help = make('p', 'map-help', { id: 'map-help' });
    help.textContent = t('map.help');
    this.keys = make('ul', 'map-legend', { 'aria-label': t('map.legend') });
    this.says = make('p', 'visually-hidden', { id: 'map-says', 'aria-live': 'polite' });
    this.element.replaceChildren(this.box, tools, this.keys, help, this.says);
    this.element.hidden = false;
  }

  #legend() {
    const { seats } = this;
    const shown = [];
    for (const [product, id] of seats.products.entries()) {
      const known = this.prices.get(id);
      if (known) shown.push([{ product }, `${known.name} ${money(known.price)}`]);
    }
    shown.push([{ flags: plan.MINE }, t('map.mine')]);
    shown.push([{ state: plan.HELD }, t('map.held')], [{ state: plan.SOLD }, t('map.sold')]);
    if (seats.state.includes(plan.BLOCKED)) shown.push([{ state: plan.BLOCKED }, t('map.blocked')]);
    const all = seats.flags.reduce((sum, flags) => sum | flags, 0);
    if (all & plan.ACCESSIBLE) shown.push([{ flags: plan.ACCESSIBLE }, t('map.accessible')]);
    if (all & plan.COMPANION) shown.push([{ flags: plan.COMPANION }, t('map.companion')]);
    if (all & plan.RESTRICTED) shown.push([{ flags: plan.RESTRICTED }, t('map.restricted')]);
    this.keys.replaceChildren(
      ...shown.map(([look, words]) => {
        const [item, picture] = [document.createElement('li'), document.createElement('canvas')];
        picture.className = 'map-key';
        picture.setAttribute('aria-hidden', 'true');
        drawKey(picture, this.drawing.colours, look);
        item.append(picture, words);
        return item;
      }),
    );
  }

  #listen() {
    gestures(this.box, {
      pan: (x, y) => this.view.pan(x, y),
      zoom: (factor, x, y) => this.view.zoom(factor, x, y),
      canZoom: (factor) => factor > 1 || !this.view.isWhole(),
      tap: (x, y, touch) => this.#tap(x, y, touch),
      doubleTap: (x, y) => this.view.glide(2, x, y),
      hover: (x, y) => this.#point(this.#under(x, y, 0), x, y),
      leave: () => this.#point(null),
    });
    keyboard(this);
    const restyle = () => {
      this.drawing.restyle(this.element);
      this.#legend();
      this.refresh();
    };
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', restyle);
    new MutationObserver(restyle).observe(document.documentElement, { attributeFilter: ['class', 'data-theme'] });
    new ResizeObserver(() => this.#resize()).observe(this.box);
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (width === 0 || height === 0) return;
    const ratio = Math.min(devicePixelRatio || 1, 3);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.view.resize(width, height);
    cancelAnimationFrame(this.frame);
    this.#draw();
  }

  /** Returns the seat or section under a pixel: `{seat}`, `{section}` or null. */
  #under(x, y, radius) {
    const at = this.view.toPlan(x, y);
    if (this.showsSeats()) {
      const seat = this.seats.grid.at(...at, Math.max(0.55, radius / this.view.scale));
      return seat >= 0 && this.seats.state[seat] !== plan.NONE ? { seat } : null;
    }
    const section = this.seats.sectionAt(...at);
    return section >= 0 ? { section } : null;
  }

  #tap(x, y, touch) {
    const under = this.#under(x, y, touch ? TOUCH_RADIUS : 0);
    if (!under) return;
    if (under.section >= 0) {
      this.showSection(under.section, this.view.toPlan(x, y));
    } else if (touch && this.view.scale < TOUCH_SCALE) {
      this.view.glide(PICK_SCALE / this.view.scale, x, y);
    } else {
      this.pick(under.seat);
      this.focus = { seat: under.seat, quiet: true };
      this.say(this.textOf(under));
    }
    if (touch && under.seat >= 0) this.#showBriefly(under, x, y);
  }

  /** Describes a touched seat for a moment, because a finger does not hover. */
  #showBriefly(under, x, y) {
    this.#point(under, x, y);
    clearTimeout(this.brief);
    this.brief = setTimeout(() => this.#point(null), BRIEF_MS);
  }

  /** Returns the description of `{seat}` or `{section}`. */
  textOf({ seat, section }) {
    if (seat >= 0) return seatParts(this.seats, seat, this.prices).join(', ');
    return sectionText(this.seats.sections[section], this.prices);
  }

  #point(under, x, y) {
    const [before, after] = [this.hover, under].map((one) => one && `${one.seat} ${one.section}`);
    if (before !== after) {
      this.hover = under;
      this.tip.hidden = !under;
      this.box.classList.toggle('is-over', Boolean(under));
      this.refresh();
    }
    if (!under) return;
    this.#fillTip();
    const left = Math.min(Math.max(8, x + 14), this.view.width - this.tip.offsetWidth - 8);
    const top = y + 18 + this.tip.offsetHeight > this.view.height ? y - 14 - this.tip.offsetHeight : y + 18;
    this.tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  #fillTip() {
    const { seat } = this.hover;
    const words = seat >= 0 ? seatParts(this.seats, seat, this.prices).join('\n') : this.textOf(this.hover);
    if (this.tip.textContent !== words) this.tip.textContent = words;
  }

  #draw() {
    this.frame = 0;
    if (this.hover) this.#fillTip();
    const settled = this.view.isSettled();
    const keyboardFocus = this.focus && !this.focus.quiet && document.activeElement === this.box;
    this.drawing.draw(this.view, { focus: keyboardFocus ? this.focus : null, hover: this.hover, settled });
    if (!settled) {
      // Draws once more, with sharp seats, when the zooming has ended.
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.refresh(), SETTLED_MS + 10);
    }
    this.describing ??= setTimeout(() => {
      this.describing = undefined;
      this.#describe();
    }, DESCRIBE_MS);
    // A page that shows the whole map scrolls under the finger; a map that was zoomed into moves.
    this.box.style.touchAction = this.view.isWhole() ? 'pan-y' : 'none';
    this.element.classList.toggle('map-seats', this.showsSeats());
    this.element.classList.toggle('map-sections', !this.showsSeats());
  }
}
