// An organiser makes a venue with a plan of 2,000 seats from two lines, and an event on it; buyers see
// its seats drawn and pick one.

import { press, signIn } from "../lib/people.mjs";
import { freeSeats, openMap, pressSeat, showSeat, waitForLines } from "../lib/seats.mjs";

export const matrix = "two";

const PLAN = "Stalls, Gold, 20 x 40, arc\nCircle, Silver, 30 x 40";

export default async function (tour) {
    const { page, things } = tour;
    const name = `Sejong ${crypto.randomUUID().slice(0, 8)}`;
    await signIn(tour, things.admin);
    await makeVenue(tour, name);
    const event = await makeEvent(tour, name);

    tour.step("the seats on the buyers' page");
    const buyer = await (await tour.another()).newPage();
    await openMap(buyer, event);
    const free = await freeSeats(buyer);
    tour.check(free.length === 2_000, `${free.length} seats are free`);
    await tour.look("the hall", { page: buyer });
    const [picked, beside] = [free[1_234], free[1_235]];
    await showSeat(buyer, picked);
    const before = [await inkOf(buyer, picked), await inkOf(buyer, beside)];
    await pressSeat(tour, buyer, picked);
    await waitForLines(buyer, 1);
    const line = buyer.locator("#basket .basket-line");
    tour.check((await line.innerText()).includes("Circle"), `the seat is ${await line.innerText()}`);
    await tour.look("a seat of the hall", { page: buyer });
    const after = [await inkOf(buyer, picked), await inkOf(buyer, beside)];
    tour.check(before[0] === before[1], "two free seats side by side look different");
    tour.check(after[0] !== before[0], "the seat that was picked looks as before");
    tour.check(after[1] === before[1], "the seat beside it looks different");

    tour.step("the organiser sees it held");
    await page.goto(`/organiser/events/${event}`);
    await page.locator("#map[data-ready]").waitFor();
    const held = page.locator("tr[data-product]", { hasText: "Silver" }).locator("[data-count=held]");
    await held.getByText("1", { exact: true }).waitFor();
}

async function makeVenue(tour, name) {
    const { page } = tour;
    tour.step("a plan that cannot be read");
    tour.allow(/POST \/organiser\/venues: 4\d\d/);
    await page.goto("/organiser/venues");
    const form = page.locator("form[action^='/organiser/venues']:has([name=plan])");
    await form.locator("[name=name]").fill(name);
    await form.locator("[name=time_zone]").fill("Asia/Seoul");
    await form.locator("[name=plan]").fill("Stalls, Gold, many");
    await press(page, form.locator("button").last());
    await page.getByRole("alert").waitFor();
    const kept = await form.locator("[name=plan]").inputValue();
    tour.check(kept === "Stalls, Gold, many", `the plan is ${kept} after the refusal`);
    tour.check((await form.locator("[name=name]").inputValue()) === name, "the name is lost");
    await tour.look("a refused plan");

    tour.step("a plan of 2,000 seats");
    await form.locator("[name=plan]").fill(PLAN);
    await press(page, form.locator("button").last());
    await page.waitForURL(/\/organiser\/venues\/[0-9a-f-]{36}/);
    await page.getByRole("cell", { name: "2,000" }).waitFor();
    await tour.look("a venue");
}

/** Makes an event whose seats are those of the venue's plan; returns its id. */
async function makeEvent(tour, venue) {
    const { page } = tour;
    const button = (value) => page.locator(`form.event-form button[name=do][value=${value}]`).last();
    tour.step("an event on the plan");
    await page.goto("/organiser/events/new");
    await page.locator("[name=plan]").selectOption({ label: venue });
    await press(page, button("take-plan"));
    const names = await Promise.all(
        [0, 1].map((nth) => page.locator(`[name='product-${nth}-name']`).inputValue()),
    );
    tour.check(String(names) === "Gold,Silver", `the ticket types are ${names}`);
    const zone = await page.locator("[name=time_zone]").inputValue();
    tour.check(zone === "Asia/Seoul", `the time zone is ${zone}`);
    for (const [input, value] of Object.entries({
        name: `${venue}, Aida`,
        starts: "2035-05-01T19:30",
        "product-0-price": "120000",
        "product-1-price": "80000",
    })) {
        await page.locator(`[name='${input}']`).fill(value);
    }
    await tour.look("an event on a plan");
    await press(page, button("publish"));
    await page.waitForURL(/\/organiser\/events\/[0-9a-f-]{36}/);
    return new URL(page.url()).pathname.split("/").pop();
}

/** Returns the colours of the pixels around the left edge of a seat, where no number is written. */
async function inkOf(page, id) {
    return page.evaluate(async (seat) => {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        const { seats, view, canvas } = document.getElementById("map").seatMap;
        const position = seats.position(seat);
        const [x, y] = view.toScreen(seats.x[position] - 0.25, seats.y[position]);
        const scale = canvas.width / canvas.getBoundingClientRect().width;
        const part = new OffscreenCanvas(3, 3).getContext("2d", { willReadFrequently: true });
        part.drawImage(canvas, 1 - x * scale, 1 - y * scale);
        return part.getImageData(0, 0, 3, 3).data.join();
    }, id);
}
