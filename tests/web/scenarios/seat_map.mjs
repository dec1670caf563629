// Seats picked on the map: held at once, seen by another buyer, given back; a seat that was just taken
// comes with the nearest ones that are free.

import { register } from "../lib/people.mjs";
import { forgetHeld, freeSeats, openMap, pressSeat, waitForHeld, waitForLines } from "../lib/seats.mjs";

export const matrix = "two";

export default async function (tour) {
    const { page, things } = tour;
    tour.step("opening the map");
    await register(tour);
    await openMap(page, things.event);
    await tour.look("seat map");
    const free = await freeSeats(page);
    tour.check(free.length > 8, `${free.length} seats are free`);

    tour.step("another buyer looks at the same map");
    const other = await (await tour.another()).newPage();
    await register({ page: other, cell: tour.cell }, "이지원");
    await openMap(other, things.event);

    tour.step("picking two seats");
    await pressSeat(tour, page, free[0]);
    await waitForLines(page, 1);
    await pressSeat(tour, page, free[1]);
    await waitForLines(page, 2);
    tour.check((await page.locator("#basket .basket-hold").count()) === 1, "the seats are in two holds");
    tour.check(/^\d+:\d\d$/.test(await page.locator("#basket time").innerText()), "there is no countdown");
    await tour.look("two seats held");

    tour.step("the other buyer sees them go, and asks for one a moment too late");
    await waitForHeld(other, free[0]);
    await waitForHeld(other, free[1]);
    await forgetHeld(other, free[1]);
    tour.allow(/POST \/api\/events\/.*\/holds: 409/);
    await pressSeat(tour, other, free[1]);
    await other.locator(".basket-nearest").waitFor();
    await tour.look("just taken", { page: other });
    await other.locator(".basket-take").first().click();
    await waitForLines(other, 1);
    tour.check((await other.locator(".basket-nearest").count()) === 0, "the offer stays");

    tour.step("giving one back by its button");
    await page.locator(".basket-drop").first().click();
    await waitForLines(page, 1);
    tour.step("more time");
    await page.locator(".basket-extend").click();
    await page.locator("#notices [role=status]").waitFor();

    tour.step("loading the page again");
    await page.reload();
    await page.locator("#map[data-ready]").waitFor();
    await waitForLines(page, 1);

    tour.step("giving the last one back on the map");
    const mine = await page.evaluate(() => {
        const { seats } = document.getElementById("map").seatMap;
        return seats.id(seats.flags.findIndex((flags) => flags & 8));
    });
    await pressSeat(tour, page, mine);
    await page.locator("#basket .basket-empty").waitFor();

    tour.step("checking out what the other buyer has");
    await other.locator(".basket-checkout").click();
    await other.waitForURL(/\/checkout\//);

    tour.step("long names of rows cover no seat");
    await openMap(page, things.long);
    await tour.look("long names of rows");
    const { words, over } = await wordsOnMap(page);
    tour.check(words.some((one) => /^Parterre|…/.test(one)), `the words are: ${words}`);
    tour.check(over.length === 0, `these words cover seats: ${over}`);
}

/** Draws the map again; returns the words on it, and those of them that cover seats. */
function wordsOnMap(page) {
    return page.evaluate(() => {
        const { seats, view, drawing } = document.getElementById("map").seatMap;
        const { pen } = drawing;
        const [words, over] = [[], []];
        const radius = 0.4 * view.scale;
        pen.fillText = (text, x, y) => {
            const half = pen.measureText(text).width / 2;
            words.push(text);
            for (let at = 0; at < seats.count; at += 1) {
                const [left, top] = view.toScreen(seats.x[at], seats.y[at]);
                if (Math.abs(left - x) < half + radius && Math.abs(top - y) < radius) over.push(text);
            }
        };
        drawing.draw(view, { focus: null, hover: null, settled: true });
        delete pen.fillText;
        return { words, over };
    });
}
