// A purchase of standing places, for scenarios in which it is one step of many.

import { send } from "./people.mjs";
import { waitForLines } from "./seats.mjs";

/** Takes standing places on the page of an event and goes to the checkout. */
export async function toCheckout(page, event, places = 1) {
    await page.goto(`/events/${event}`);
    await page.locator("form[data-lines] [name=quantity]").first().fill(String(places));
    await page.locator("form[data-lines] button").first().click();
    await waitForLines(page, 1);
    await page.locator(".basket-checkout").click();
    await page.waitForURL(/\/checkout\//);
}

/** Makes the order of a checkout; guests leave an address. Returns the order's id. */
export async function order(page, email) {
    if (email) await page.locator("[name=email]").fill(email);
    await send(page, page.locator("form[action*='/checkout/']"));
    await page.waitForURL(/\/orders\//);
    return new URL(page.url()).pathname.split("/").pop();
}

/** Pays an order by the demonstration's method. */
export async function pay(page) {
    await send(page, page.locator("form:has(input[value=simulator])"));
    await page.locator("[data-status=CONFIRMED]").waitFor();
}

/** Buys standing places as a guest; returns the order's id. */
export async function buy(page, event, { places = 1, email }) {
    await toCheckout(page, event, places);
    const id = await order(page, email);
    await pay(page);
    return id;
}
