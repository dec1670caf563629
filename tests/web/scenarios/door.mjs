// The door with a camera, a scanner that types, a search by name, and a connection that is lost. Each
// combination leaves the tickets as it found them.

import { join } from "node:path";

import { film } from "../lib/camera.mjs";
import { signIn } from "../lib/people.mjs";
import { wireTo } from "../lib/wire.mjs";

export const matrix = "two";
export const context = { permissions: ["camera"] };

export async function before({ base, directory, things }) {
    const wire = await wireTo(base);
    const chromium = await film(things.qr, join(directory, "ticket.y4m"));
    return { wire, base: wire.base, chromium, stop: wire.stop };
}

export default async function (tour) {
    const { page, things, wire } = tour;
    wire.mend();
    tour.step("choosing the event");
    await signIn(tour, things.admin);
    await page.goto("/door");
    await tour.look("choice of events");
    await page.locator(`a[href="/door/${things.event}"]`).click();

    tour.step("holding a ticket before the camera");
    const result = page.locator("#door-result");
    await shows(tour, "valid", [things.kim.name, "A"]);
    await tour.look("valid ticket", { whole: false });
    await count(tour, 2);
    await result.locator(".door-undo").click();
    await shows(tour, "undone", []);
    await tour.look("check-in undone", { whole: false });
    await count(tour, 1);
    await page.locator("#door-camera-button").evaluate((button) => button.click());
    await result.locator(".door-next").click();
    await tour.look("door at rest");

    await byHand(tour);
    await byName(tour);
    await withoutConnection(tour);
}

async function byHand(tour) {
    const { page, things } = tour;
    tour.step("typing codes");
    tour.allow(/POST \/api\/checkins: 4\d\d/);
    for (const [code, kind, parts] of [
        [things.used, "used", ["North", "Standing"]],
        [things.other, "wrong", ["Macbeth"]],
        [things.gone, "void", []],
        ["HELLO-1", "unknown", []],
    ]) {
        await type(tour, code);
        await shows(tour, kind, parts);
        await tour.look(`${kind} ticket`, { whole: false });
    }
    const log = page.locator("#door-log li");
    for (const kind of ["used", "wrong", "void"]) {
        const entry = log.and(page.locator(`[data-kind=${kind}]`)).first();
        await entry.filter({ hasText: things.kim.name }).filter({ hasText: "Standing" }).waitFor();
    }

    tour.step("typing the beginning of a code, and the code of an order");
    const offered = page.locator("#door-found .door-found-in");
    const result = page.locator("#door-result");
    await type(tour, `${things.seat.code.slice(0, 4)} ${things.seat.code.slice(4, 8)}`.toLowerCase());
    await offered.first().waitFor();
    tour.check(await result.isHidden(), "a part of a code has a result");
    tour.check((await offered.count()) === 1, `${await offered.count()} tickets begin with 8 digits`);
    await type(tour, things.claim);
    await offered.nth(1).waitFor();
    await tour.look("found by the code of an order");
    await offered.first().click();
    await shows(tour, "valid", ["guest@example.net", "Standing"]);
    await result.locator(".door-undo").click();
    await shows(tour, "undone", []);
}

async function byName(tour) {
    const { page, things } = tour;
    tour.step("searching by name");
    await page.locator("#door-result .door-next").click();
    await page.locator("#door-q").fill("민수");
    const found = page.locator("#door-found li").filter({ hasText: things.kim.name });
    await found.first().waitFor();
    tour.check((await found.count()) === 3, "the search does not find the three tickets");
    await tour.look("found by name");
    await page.locator(".door-found-in").click();
    await shows(tour, "valid", [things.kim.name]);
    await page.locator("#door-result .door-undo").click();
    await shows(tour, "undone", []);
}

async function withoutConnection(tour) {
    const { page, things, wire } = tour;
    tour.step("losing the connection");
    tour.allow(/a request failed: .*\/(counts|search|checkins)/);
    wire.cut();
    await type(tour, things.seat.code);
    await shows(tour, "offline", []);
    await tour.look("no connection", { whole: false, follow: false });
    await page.locator("#door-result .door-next").click();
    tour.check(await page.locator("#door-kept li").isVisible(), "the code is not kept");
    await page.locator("#door-state:not(:empty)").waitFor();
    await tour.look("code kept", { follow: false });
    wire.mend();
    await page.locator(".door-retry").click();
    await shows(tour, "valid", [things.kim.name]);
    tour.check(await page.locator("#door-kept").isHidden(), "the code is still kept");
    await page.locator("#door-result .door-undo").click();
    await shows(tour, "undone", []);
    await count(tour, 1);
}

/** A scanner types into whatever has the focus. */
async function type({ page }, code) {
    await page.locator("#door-code").focus();
    await page.keyboard.type(code);
    await page.keyboard.press("Enter");
}

async function shows({ page }, kind, parts) {
    let result = page.locator(`#door-result[data-kind="${kind}"]`);
    for (const part of parts) result = result.filter({ hasText: part });
    await result.waitFor();
}

async function count({ page }, inside) {
    await page.locator('[data-count="checkedIn"]').getByText(String(inside), { exact: true }).waitFor();
}
