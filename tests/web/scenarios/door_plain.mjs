// The door in a browser that runs no scripts: the same parts are forms.

import { signIn } from "../lib/people.mjs";

export const matrix = "two";
export const context = { javaScriptEnabled: false };

export default async function (tour) {
    const { page, things } = tour;
    await signIn(tour, things.admin);
    tour.step("opening the door");
    await page.goto(`/door/${things.event}`);
    await tour.look("door without scripts");

    tour.step("checking in by code");
    await page.locator("#door-gate").fill("South");
    await check(tour, things.seat.code);
    await shows(tour, "valid", [things.kim.name]);
    await tour.look("valid without scripts", { whole: false });
    await tour.page.locator(".door-undo").click();
    await shows(tour, "undone", []);
    await page.locator(".door-next").click();
    tour.check((await page.locator("#door-gate").inputValue()) === "South", "the gate is forgotten");

    tour.step("showing tickets that do not admit");
    tour.allow(/POST \/door\/.*\/check: 4\d\d/);
    for (const [code, kind, part] of [
        [things.used, "used", "North"],
        [things.other, "wrong", "Macbeth"],
        [things.gone, "void", ""],
        ["HELLO-1", "unknown", ""],
    ]) {
        await check(tour, code);
        await shows(tour, kind, [part]);
    }
    await tour.look("unknown without scripts", { whole: false });
    await page.locator(".door-next").click();

    tour.step("the code of an order");
    await check(tour, things.claim);
    await page.locator(".door-found-in").nth(1).waitFor();
    await tour.look("an order without scripts");

    tour.step("searching by name");
    await page.locator("#door-q").fill("민수");
    await page.locator("#door-search button").click();
    await page.locator("#door-found li").first().waitFor();
    await tour.look("found without scripts");
    await page.locator(".door-found-in").click();
    await shows(tour, "valid", [things.kim.name]);
    await page.locator(".door-undo").click();
    await shows(tour, "undone", []);
}

async function check({ page }, code) {
    await page.locator("#door-code").fill(code);
    await page.locator("#door-form button").click();
}

async function shows({ page }, kind, parts) {
    let result = page.locator(`#door-result[data-kind="${kind}"]`);
    for (const part of parts) result = result.filter({ hasText: part });
    await result.waitFor();
}
