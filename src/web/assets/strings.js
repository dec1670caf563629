// Texts of the page's language, and numbers, money and dates by its rules. The page hands the texts
// over in the JSON block `#strings`.

const block = document.getElementById('strings');
const texts = block ? JSON.parse(block.textContent) : {};
/** The language of the page. */
export const language = document.documentElement.lang || 'en';
const plural = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language);
let zone;

/** Sets the time zone of `dateTime` and `timeOfDay`. */
export function useTimeZone(name) {
  try {
    new Intl.DateTimeFormat(language, { timeZone: name });
    zone = name;
  } catch {
    // An unknown zone: times are shown in the zone of the device.
  }
}

/** Returns whether there is such a text. */
export function has(key) {
  return key in texts || `${key}.other` in texts;
}

/** Returns a text with its `{names}` filled in; a number `n` chooses between `.one` and `.other`. */
export function t(key, values = {}) {
  let text = texts[key];
  if (text === undefined && typeof values.n === 'number') {
    text = texts[`${key}.${plural.select(values.n)}`] ?? texts[`${key}.other`];
  }
  const filled = (_, name) => {
    const value = values[name];
    return typeof value === 'number' ? number(value) : (value ?? '');
  };
  return (text ?? key).replace(/\{(\w+)\}/g, filled);
}

/** Returns a number in the language's form. */
export function number(value) {
  return numbers.format(value);
}

const currencies = new Map();

/** Returns an amount `{amount, currency}` in minor units as text, written as the server writes it. */
export function money({ amount, currency }) {
  if (language.startsWith('ko') && currency === 'KRW') return `${number(amount)}원`;
  let format = currencies.get(currency);
  if (!format) {
    format = new Intl.NumberFormat(language, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' });
    currencies.set(currency, format);
  }
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** Returns a time as text, in the event's time zone unless another one is given. */
export function dateTime(time, options = { dateStyle: 'medium', timeStyle: 'short' }, timeZone = zone) {
  return new Intl.DateTimeFormat(language, { ...options, timeZone, hourCycle: 'h23' }).format(new Date(time));
}

/** Returns the time of day with seconds in the zone of the device, as its owner's clock shows it. */
export function clockTime(time) {
  return new Intl.DateTimeFormat(language, { timeStyle: 'medium', hourCycle: 'h23' }).format(new Date(time));
}
