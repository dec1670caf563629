// Texts about seats and sections for the screen reader, the tooltip and the basket.

import * as plan from './plan.js';
import { money, number, t } from './strings.js';

/** Returns the place of a seat: section, row, seat. */
export function placeOf(seats, position) {
  const { name, section } = seats.rows[seats.rowOf[position]];
  return t('map.seat', { section: seats.sections[section].name, row: name, seat: seats.label(position) });
}

/** Returns the state of a seat in a word or two. */
export function stateOf(seats, position) {
  const flags = seats.flags[position];
  if (flags & plan.PENDING) return t('map.pending');
  if (flags & plan.MINE) return t('map.mine');
  if (seats.isFree(position)) return flags & plan.SUGGESTED ? t('map.suggested') : t('map.free');
  if (seats.state[position] === plan.HELD) return t('map.held');
  return seats.state[position] === plan.SOLD ? t('map.sold') : t('map.blocked');
}

/** Returns the description of a seat as a list: place, price, state, marks. */
export function seatParts(seats, position, prices) {
  const product = prices.get(seats.products[seats.product[position]]);
  const parts = [placeOf(seats, position)];
  if (product) parts.push(`${product.name} ${money(product.price)}`);
  parts.push(stateOf(seats, position));
  parts.push(...marksOf(seats, position));
  return parts;
}

/** Returns what a buyer has to know of a seat, in words. */
export function marksOf(seats, position) {
  const flags = seats.flags[position];
  const marks = [[plan.ACCESSIBLE, 'map.accessible'], [plan.COMPANION, 'map.companion'], [plan.RESTRICTED, 'map.restricted']];
  return marks.filter(([flag]) => flags & flag).map(([, key]) => t(key));
}

/** Returns the price of a section, or the range of its prices; empty if unknown. */
export function sectionPrice(section, prices) {
  const known = section.productIds.map((id) => prices.get(id)?.price).filter(Boolean);
  if (known.length === 0) return '';
  known.sort((a, b) => a.amount - b.amount);
  const [from, to] = [known[0], known[known.length - 1]];
  if (from.amount === to.amount) return money(from);
  return t('map.priceRange', { from: money(from), to: money(to) });
}

/** Returns the lines written on a section: name, free seats or the caller's own, price. */
export function sectionLines(section, prices) {
  const taken = section.mine > 0 ? t('map.yours', { n: section.mine }) : t('map.soldOut');
  const free = section.free > 0 ? t('map.freeCount', { n: section.free }) : taken;
  return [section.name, free, sectionPrice(section, prices)].filter(Boolean);
}

/** Returns a section as a sentence. */
export function sectionText(section, prices) {
  const values = { section: section.name, free: number(section.free), total: number(section.total) };
  const price = sectionPrice(section, prices);
  return price ? t('map.sectionFrom', { ...values, price }) : t('map.section', values);
}
