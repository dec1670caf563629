// The keyboard on the map, which is one tab stop: arrow keys move between sections or seats, Enter
// and Space enter a section or pick a seat, + and - zoom, Escape leads back to the whole hall.

import { PICK_SCALE } from './map-view.js';
import { t } from './strings.js';

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** Distance from the edge that a focused seat keeps, in pixels. */
const MARGIN = 40;

/** Makes a `SeatMap` answer to keys. */
export function keyboard(map) {
  const { seats, box } = map;

  const focusOn = (focus, quiet = false) => {
    map.focus = focus;
    if (focus.seat >= 0) {
      const [x, y] = map.view.toScreen(seats.x[focus.seat], seats.y[focus.seat]);
      const { width, height, scale } = map.view;
      const outside = x < MARGIN || y < MARGIN || x > width - MARGIN || y > height - MARGIN;
      if (outside || scale < PICK_SCALE * 0.7) map.show(focus.seat);
    }
    map.refresh();
    if (!quiet) map.say(map.textOf(focus));
  };

  const enter = (section) => {
    const [from, to] = seats.sections[section].positions;
    let first = from;
    while (first < to && !seats.isFree(first)) first += 1;
    if (to > from) focusOn({ seat: first < to ? first : from });
  };

  const whole = () => {
    const section = map.focus?.seat >= 0 ? seats.sectionOf[map.focus.seat] : (map.focus?.section ?? 0);
    map.showWhole();
    map.focus = { section };
    map.refresh();
    map.say(`${t('map.wholeShown')}. ${map.textOf({ section })}. ${t('map.enter')}`);
  };

  const moveSeat = ([dx, dy]) => {
    const next = seats.towards(map.focus.seat, dx, dy);
    if (next >= 0) focusOn({ seat: next });
  };

  const moveSection = ([dx, dy]) => {
    const centre = ({ box: [left, top, right, bottom] }) => [(left + right) / 2, (top + bottom) / 2];
    const here = centre(seats.sections[map.focus.section]);
    let [found, least] = [-1, Infinity];
    for (const [number, section] of seats.sections.entries()) {
      const [offX, offY] = centre(section).map((value, axis) => value - here[axis]);
      const ahead = offX * dx + offY * dy;
      const cost = ahead + 2 * (Math.abs(offX * dy) + Math.abs(offY * dx));
      if (ahead > 0.01 && cost < least) [found, least] = [number, cost];
    }
    if (found >= 0) focusOn({ section: found });
  };

  const moveInRow = (last) => {
    const row = seats.rows[seats.rowOf[map.focus.seat]];
    focusOn({ seat: last ? row.last : row.first });
  };

  const bySection = (step) => {
    const number = map.focus.seat >= 0 ? seats.sectionOf[map.focus.seat] : map.focus.section;
    const next = (number + step + seats.sections.length) % seats.sections.length;
    if (map.focus.seat >= 0) enter(next);
    else focusOn({ section: next });
  };

  const press = () => {
    if (!(map.focus.seat >= 0)) return enter(map.focus.section);
    map.pick(map.focus.seat);
    return map.say(map.textOf(map.focus));
  };

  const act = (key) => {
    if (ARROWS[key]) return () => (map.focus.seat >= 0 ? moveSeat(ARROWS[key]) : moveSection(ARROWS[key]));
    if (key === 'Enter' || key === ' ') return press;
    if (key === '+' || key === '=') return () => map.view.glide(1.5);
    if (key === '-' || key === '_') return () => map.view.glide(1 / 1.5);
    if (key === 'Escape') return whole;
    if (key === 'PageDown' || key === 'PageUp') return () => bySection(key === 'PageDown' ? 1 : -1);
    if ((key === 'Home' || key === 'End') && map.focus.seat >= 0) return () => moveInRow(key === 'End');
    return null;
  };

  const begin = () => {
    if (!map.focus) map.focus = { section: 0 };
    map.focus.quiet = false;
  };

  box.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || seats.sections.length === 0) return;
    begin();
    const action = act(event.key);
    if (!action) return;
    event.preventDefault();
    action();
  });
  box.addEventListener('focus', () => {
    // A click focuses, too, and announces the picked seat by itself.
    if (seats.sections.length === 0 || !box.matches(':focus-visible')) return;
    begin();
    map.refresh();
    map.say(map.textOf(map.focus));
  });
  box.addEventListener('blur', () => map.refresh());
}
