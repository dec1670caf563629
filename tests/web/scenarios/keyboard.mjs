// A purchase by keyboard alone: the map is one tab stop, arrow keys move between its seats, and a live
// region says where one is.

import { register, send } from "../lib/people.mjs";
import { openMap, tabTo, toFreeSeat, waitForLines } from "../lib/seats.mjs";

export const matrix = "two";

export default async function (tour) {
    const { page, things } = tour;
    const said = () => page.locator("#map-says").textContent();
    const namesSection = async () => {
        const words = await said();
        return things.sections.some((section) => words.includes(section));
    };
    tour.step("making an account with money");
    await register(tour);
    await page.goto("/account");
    await send(page, page.locator("form[action$='/account/charge']"));

    tour.step("going to the map");
    await openMap(page, things.event);
    await tabTo(page, ".map-frame");
    tour.check(await namesSection(), `the map says ${await said()}`);
    tour.step("entering the section and moving between seats");
    await page.keyboard.press("Enter");
    const first = await said();
    await page.keyboard.press("ArrowRight");
    const second = await said();
    await page.keyboard.press("ArrowDown");
    const third = await said();
    tour.check(new Set([first, second, third]).size === 3, `the map says ${[first, second, third]}`);
    await tour.look("focus on a seat");

    tour.step("going back to the whole hall");
    await page.keyboard.press("Escape");
    tour.check(await namesSection(), `after Escape the map says ${await said()}`);

    tour.step("picking the first free seat and the next one");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await waitForLines(page, 1);
    await toFreeSeat(page);
    await page.keyboard.press("Space");
    await waitForLines(page, 2);

    tour.step("checking out");
    await tabTo(page, ".basket-checkout");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/checkout\//);
    await tabTo(page, "form[action*='/checkout/'] button");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/orders\//);
    await tabTo(page, "form[action$='/pay'] button");
    await page.keyboard.press("Enter");
    await page.locator("[data-status=CONFIRMED]").waitFor();
}
