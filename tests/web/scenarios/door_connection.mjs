// A door with a bad connection: nobody is let in without the server, codes are kept, and a check-in
// whose answer was lost is not taken for a second visit.

import { signIn } from "../lib/people.mjs";

export const matrix = "one";

export default async function (tour) {
    const { page, things } = tour;
    tour.step("signing in");
    await signIn(tour, things);
    await page.goto(`/door/${things.event}`);
    await page.locator("#door-camera-button").waitFor();
    const result = page.locator("#door-result");
    const shows = (kind) => page.locator(`#door-result[data-kind="${kind}"]`).waitFor();
    const look = (name) => tour.look(name, { whole: false });
    const enter = async (code) => {
        await page.keyboard.type(code);
        await page.keyboard.press("Enter");
    };
    const inside = async (count) =>
        page.locator("[data-count=checkedIn]").filter({ hasText: new RegExp(`^${count}$`) }).waitFor();

    tour.step("losing the connection");
    tour.allow(/net::ERR_INTERNET_DISCONNECTED/);
    await tour.context.setOffline(true);
    await enter(things.spare);
    await shows("offline");
    await page.locator("#door-state:not(:empty)").waitFor();
    await look("no connection");
    await page.keyboard.press("Escape");
    await tour.picture("a kept code", page, false);
    await tour.context.setOffline(false);
    await page.locator("#door-kept .door-retry").click();
    await shows("valid");
    await inside(1);
    await page.locator("#door-kept").waitFor({ state: "hidden" });

    tour.step("losing the answer of a check-in");
    tour.allow(/POST \/api\/checkins: net::ERR_FAILED/);
    let reached = 0;
    await page.route("/api/checkins", async (route) => {
        if (reached++ === 0) await route.fetch();
        await route.abort();
    });
    await enter(things.lost);
    await shows("offline");
    await page.unroute("/api/checkins");
    await result.locator(".door-again").click();
    // The first request had come in: its repetition is the same visit, not a second one.
    await shows("valid");
    await inside(2);
    await result.locator(".door-undo").click();
    await shows("undone");
    await inside(1);
    await enter(things.lost);
    await shows("valid");
    await result.locator(".door-undo").click();
    await shows("undone");

    tour.step("coming again");
    tour.allow(/POST \/api\/checkins: 409/);
    await enter(things.spare);
    await shows("used");
    await page.keyboard.press("Escape");
    await page.locator("#door-q").fill(things.spareName);
    await page.locator("#door-found .door-found-undo").first().click();
    await shows("undone");
    await inside(0);
}
