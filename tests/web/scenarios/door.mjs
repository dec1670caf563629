// The door: a ticket before the camera, codes typed by a scanner, every refusal in words and colour,
// a lost connection, the search, and the undoing of a check-in.

import { join } from "node:path";

import { film } from "../lib/camera.mjs";
import { signIn } from "../lib/people.mjs";

export const matrix = "pairs";
export const context = { permissions: ["camera"] };

export async function before({ directory, things }) {
    return { chromium: await film(things.picture, join(directory, "camera.y4m")) };
}

export default async function (tour) {
    const { page, things } = tour;
    // Which tones were played: sine is the good one.
    await tour.context.addInitScript(() => {
        window.tones = [];
        const { start } = OscillatorNode.prototype;
        OscillatorNode.prototype.start = function (...when) {
            window.tones.push(this.type);
            return start.apply(this, when);
        };
    });
    tour.step("signing in");
    await signIn(tour, things);
    await page.evaluate(() => localStorage.setItem("admitone.door.gate", "North 2"));
    await page.goto(`/door/${things.event}`);
    const result = page.locator("#door-result");
    const shows = (kind) => page.locator(`#door-result[data-kind="${kind}"]`).waitFor();
    const look = (name) => tour.look(name, { whole: false });
    const enter = async (code) => {
        await page.keyboard.type(code);
        await page.keyboard.press("Enter");
    };
    const inside = async (count) =>
        page.locator("[data-count=checkedIn]").filter({ hasText: new RegExp(`^${count}$`) }).waitFor();

    tour.step("holding a ticket before the camera");
    await shows("valid");
    await result.locator(".door-undo").focus();
    await result.locator(".door-result-name").getByText(things.name).waitFor();
    await look("a valid ticket");
    tour.check(/A/.test(await result.locator(".door-result-seat").innerText()), "the result has no seat");
    await inside(1);
    await page.keyboard.press("Escape");
    await result.waitFor({ state: "hidden" });
    tour.check(await page.locator("#door-video").isVisible(), "the camera's picture is not shown");
    await look("the door");

    tour.step("typing the codes of a scanner");
    await enter(things.typed);
    await shows("valid");
    await inside(2);
    tour.allow(/POST \/api\/checkins: 409/);
    tour.allow(/POST \/api\/checkins: 404/);
    await enter(things.camera);
    await shows("used");
    const used = await result.innerText();
    tour.check(used.includes("North 2"), `the refusal does not say where: ${used}`);
    await look("a used ticket");
    await enter(things.elsewhere);
    await shows("wrong");
    const wrong = await result.innerText();
    tour.check(wrong.includes(things.elsewhereName), `the other event has no name: ${wrong}`);
    await look("a ticket of another event");
    await enter(things.void);
    await shows("void");
    await enter(things.camera.slice(0, -1) + "0Z");
    await shows("unknown");
    await look("a forged ticket");
    const tones = await page.evaluate(() => window.tones);
    tour.check(tones.includes("sine") && tones.includes("square"), `the tones were ${tones}`);

    tour.step("undoing");
    await inside(2);
    await page.keyboard.press("Escape");
    await page.locator("#door-q").fill(things.name);
    await page.locator("#door-found .door-found-undo").first().waitFor();
    await look("found by name");
    await page.locator("#door-found .door-found-undo").first().click();
    await shows("undone");
    await page.keyboard.press("Escape");
    await page.locator("#door-found .door-found-in").first().waitFor();
    await page.locator("#door-q").fill(things.typedName);
    await page.locator("#door-found .door-found-undo").first().click();
    await shows("undone");
    await inside(0);

    tour.step("refusing the camera");
    // Permissions that are given refuse all others.
    const strict = await tour.another({ permissions: ["geolocation"] });
    await strict.addCookies(await tour.context.cookies());
    const other = await strict.newPage();
    await other.goto(`/door/${things.event}`);
    await other.locator("#door-camera-button").click();
    await other.locator("#door-camera-state[data-state=refused]").waitFor();
    await tour.look("the camera refused", { page: other });
}
