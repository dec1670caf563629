// Two buyers ask for one seat at the same moment: one has it, and the other is offered the nearest free
// ones and takes one of them.

import { asOrganiser } from "../lib/organiser.mjs";
import { freeSeats, openMap, pressSeat, waitForLines } from "../lib/seats.mjs";

export const matrix = "two";

const SEAT = 2;

export default async function (tour) {
    const { page, context } = tour;
    const organiser = await asOrganiser(tour);
    const event = await organiser.event();
    const contexts = [context, await tour.another()];
    const pages = [page, await contexts[1].newPage()];
    tour.step("two buyers look at the same free seats");
    for (const one of pages) await openMap(one, event.id);
    const free = await freeSeats(page);

    tour.step("both press one seat; the two requests go on together");
    tour.allow(/POST \/api\/events\/.*\/holds: 409/);
    await goTogether(pages, /\/api\/events\/[^/]+\/holds$/);
    for (const one of pages) await pressSeat(tour, one, free[SEAT]);
    const [first, second] = await Promise.all(pages.map(hasSeat));
    tour.check(first !== second, `the first buyer has it: ${first}, the second buyer has it: ${second}`);
    const [winner, loser] = first ? pages : [pages[1], pages[0]];
    await waitForLines(winner, 1);
    tour.check((await winner.locator(".basket-nearest").count()) === 0, "the winner is offered others");

    tour.step("the nearest seats are offered");
    await loser.locator("#notices [role=alert]").waitFor();
    const offered = await loser.locator(".basket-take").evaluateAll((buttons) =>
        buttons.map((button) => button.dataset.key.replace("take ", "")),
    );
    const beside = [free[SEAT - 1], free[SEAT + 1]];
    tour.check(offered.length > 2, `${offered.length} seats are offered`);
    tour.check(beside.includes(offered[0]) && beside.includes(offered[1]), "others are nearer");
    await tour.look("offered in its place", { page: loser });

    tour.step("taking the first of them");
    await loser.locator(".basket-take").first().click();
    await waitForLines(loser, 1);
    tour.check((await loser.locator(".basket-nearest").count()) === 0, "the offer stays");
    const { held, available } = (await organiser.counts(event)).Stalls;
    tour.check(held === 2 && available === 10, `${held} seats are held, ${available} are free`);
    const takenIds = await Promise.all(pages.map(heldSeats));
    const expected = first ? [free[SEAT], offered[0]] : [offered[0], free[SEAT]];
    tour.check(String(takenIds) === String(expected), `held are ${takenIds}, not ${expected}`);
}

/** Lets requests of pages wait until every page has sent one. */
async function goTogether(pages, url) {
    let release;
    const all = new Promise((resolve) => (release = resolve));
    let arrived = 0;
    for (const page of pages) {
        await page.route(url, async (route) => {
            if (route.request().method() === "POST") {
                arrived += 1;
                if (arrived === pages.length) release();
                await all;
            }
            await route.continue();
        });
    }
}

/** Waits until the page says how its request ended; returns whether the seat is held. */
async function hasSeat(page) {
    const line = page.locator("#basket .basket-line:not(.is-pending)");
    const nearest = page.locator("#basket .basket-nearest");
    await line.or(nearest).first().waitFor();
    return (await line.count()) === 1;
}

/** Returns the seats that the buyer of a page holds, by the server's word. */
async function heldSeats(page) {
    return page.evaluate(async () => {
        const { event } = document.getElementById("event").dataset;
        const { data } = await (await fetch(`/api/events/${event}/holds`)).json();
        return data.flatMap((hold) => hold.lines.flatMap((line) => line.seats.map((seat) => seat.id)));
    });
}
