// A waiting room: its organiser switches it on with a task before entering, which browsers solve; one
// buyer has the turn and another waits in line, sees a pause, a server that does not answer, and the turn that comes by itself.

import { asOrganiser, standing } from "../lib/organiser.mjs";
import { PASSWORD, register, send, signIn } from "../lib/people.mjs";
import { waitForLines } from "../lib/seats.mjs";

export const matrix = "two";

export default async function (tour) {
    const { page, things } = tour;
    const organiser = await asOrganiser(tour);
    const event = await organiser.event({ seatMap: undefined, products: [standing(20)] });
    const room = `/events/${event.id}/queue`;

    tour.step("the organiser switches it on");
    const office = await (await tour.another()).newPage();
    await signIn({ page: office }, things.admin);
    await office.goto(`/organiser/events/${event.id}`);
    await office.locator(`a[href$='/queue']`).first().click();
    await office.locator("[name=active]").waitFor();
    await tour.look("organiser, off", { page: office });
    tour.allow(/POST \/organiser\/events\/.*\/queue: 422/);
    const rules = office.locator("form:has([name=active])");
    await rules.evaluate((form) => { form.noValidate = true; });
    await office.locator("[name=passes]").fill("0");
    await send(office, rules);
    await office.locator("#field-passes-error").waitFor();
    await tour.look("organiser, a bad number", { page: office });
    await office.locator("[name=passes]").fill("600");
    await office.locator("[name=active]").fill("1");
    await office.locator("[name=bits]").fill("12");
    await send(office, rules);
    await tour.look("organiser, on", { page: office });

    tour.step("a buyer without an account is led to one and back");
    await page.goto(`/events/${event.id}`);
    await tour.look("the event");
    await page.locator(`main a[href='${room}']`).first().click();
    await page.waitForURL(new RegExp(`${room}$`));
    await tour.look("not signed in");
    await page.locator("main a[href^='/register']").click();
    await page.locator("[name=name]").fill("김하나");
    await page.locator("[name=email]").fill(`${crypto.randomUUID().slice(0, 8)}@example.com`);
    await page.locator("[name=password]").fill(PASSWORD);
    await send(page, page.locator("form[action='/register']"));
    await page.waitForURL(new RegExp(`${room}(\\?|$)`));
    await tour.look("before entering");

    tour.step("while the browser solves the task before entering, the page says so");
    let goOn;
    const held = new Promise((resolve) => { goOn = resolve; });
    await page.route(/\/challenge$/, async (route) => {
        await held;
        await route.continue();
    });
    const enter = page.locator("form[action$='/enter']");
    await enter.locator("button").click();
    await enter.locator("progress").waitFor();
    tour.check(await enter.locator("button").isDisabled(), "it can be sent twice");
    await tour.look("solving the task", { follow: false });
    goOn();

    tour.step("the first has the turn as soon as it is solved");
    await page.locator("#queue-now[data-turn=true]").waitFor();
    await tour.look("a turn");

    tour.step("the second is refused a place and led to the line");
    const second = await tour.another();
    const other = await second.newPage();
    await register({ page: other, cell: tour.cell }, "이두리");
    await other.goto(`/events/${event.id}`);
    tour.allow(/POST \/api\/events\/.*\/holds: 403/);
    await takeOne(other);
    await other.locator(`#notices a[href='${room}']`).click();
    await other.waitForURL(new RegExp(`${room}$`));
    await send(other, other.locator("form[action$='/enter']"));
    const now = other.locator("#queue-now");
    tour.check((await now.getAttribute("data-turn")) === "false", "two have the turn");
    tour.check((await other.locator("[data-queue=ahead]").innerText()) === "0", "not the next");
    await other.locator("#queue-sound button").click();
    await tour.look("in line", { page: other });

    tour.step("the server does not answer for a while");
    tour.allow(/a request failed: GET \/api\/queue\/.*INTERNET_DISCONNECTED/);
    await second.setOffline(true);
    await other.locator("#queue-stale").waitFor();
    await tour.look("no answer", { page: other, follow: false });
    await second.setOffline(false);
    await other.locator("#queue-stale").waitFor({ state: "hidden" });

    tour.step("the organiser pauses, and the first holds a place and leaves");
    await send(office, office.locator("form:has([value=pause])"));
    await other.locator("#queue-now .warning").waitFor();
    await tour.look("paused", { page: other });
    await page.locator("#queue-now .actions a").first().click();
    await page.waitForURL(new RegExp(`/events/${event.id}$`));
    await takeOne(page);
    await waitForLines(page, 1);
    await page.goto(room);
    await tour.look("a turn with places");
    await page.locator("details.cancel summary").click();
    await send(page, page.locator("form[action$='/leave']"));
    await page.locator("form[action$='/enter']").waitFor();
    await tour.look("left");
    tour.check((await now.getAttribute("data-turn")) === "false", "a turn came in a pause");

    tour.step("after the pause, the turn shows as soon as the page is looked at");
    await office.locator("#queue-numbers .badge").waitFor();
    await send(office, office.locator("form:has([value=resume])"));
    // While the line stands still, the server names intervals of up to a minute.
    const turn = other.locator("#queue-now[data-turn=true]");
    for (let tries = 0; tries < 5 && (await turn.count()) === 0; tries += 1) {
        await other.waitForTimeout(2_100);
        await other.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
    }
    await turn.waitFor();
    const title = await other.title();
    tour.check(/turn|차례/.test(title), `the title is ${title}`);
    await tour.look("the second's turn", { page: other });
    await other.locator("#queue-now .actions a").first().click();
    await takeOne(other);
    await waitForLines(other, 1);
    tour.check((await organiser.counts(event)).Standing.held === 2, "two places are not held");
    await tour.look("organiser, afterwards", { page: office });
}

/** Takes one standing place on the page of the event. */
async function takeOne(page) {
    await page.locator("form[data-lines] [name=quantity]").first().fill("1");
    await page.locator("form[data-lines] button").first().click();
}
