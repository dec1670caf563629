// The seat map as a person uses it: seats are found by their ids, and clicked where they are drawn.

/** Opens the page of an event and waits until its map is drawn with the states of the seats. */
export async function openMap(page, event) {
    await page.goto(`/events/${event}`);
    await page.locator("#map[data-ready]").waitFor();
}

/** Returns the ids of the free seats, in the order of the plan. */
export function freeSeats(page) {
    return page.evaluate(() => {
        const { seats } = document.getElementById("map").seatMap;
        const all = Array.from({ length: seats.count }, (_, position) => position);
        return all.filter((position) => seats.isFree(position)).map((position) => seats.id(position));
    });
}

/** Moves the map to a seat and waits until it stands still. */
export async function showSeat(page, id) {
    await page.locator("#map").scrollIntoViewIfNeeded();
    await page.evaluate((seat) => {
        const map = document.getElementById("map").seatMap;
        map.show(map.seats.position(seat));
    }, id);
    await page.waitForFunction(() => document.getElementById("map").seatMap.view.moving === 0);
}

/** Clicks or touches a seat, after zooming to it. */
export async function pressSeat(tour, page, id) {
    await showSeat(page, id);
    const at = await page.evaluate((seat) => {
        const { seats, view, box } = document.getElementById("map").seatMap;
        const position = seats.position(seat);
        const [x, y] = view.toScreen(seats.x[position], seats.y[position]);
        const frame = box.getBoundingClientRect();
        return { x: frame.left + x, y: frame.top + y };
    }, id);
    if (tour.cell.width < 600) await page.touchscreen.tap(at.x, at.y);
    else await page.mouse.click(at.x, at.y);
}

/** Waits until the basket has so many lines that the server has confirmed. */
export async function waitForLines(page, count) {
    await page.waitForFunction((wanted) => {
        const lines = [...document.querySelectorAll("#basket .basket-line")];
        return lines.length === wanted && lines.every((line) => !line.matches(".is-pending"));
    }, count);
}

/** Waits until the map shows that another buyer has a seat. */
export async function waitForHeld(page, id) {
    await page.waitForFunction((seat) => {
        const { seats } = document.getElementById("map").seatMap;
        return !seats.isFree(seats.position(seat));
    }, id);
}

/** Lets a page believe that a seat is free, as one does that the news has not reached yet. */
export async function forgetHeld(page, id) {
    await page.evaluate((seat) => {
        const { seats } = document.getElementById("map").seatMap;
        seats.setState(seats.position(seat), 1);
    }, id);
}

/** Presses the arrow keys until the focus of the map is on a free seat. */
export async function toFreeSeat(page) {
    const isFree = () =>
        page.evaluate(() => {
            const { seats, focus } = document.getElementById("map").seatMap;
            return seats.isFree(focus.seat) && !(seats.flags[focus.seat] & 24);
        });
    for (let presses = 0; presses < 40; presses += 1) {
        if (await isFree()) return;
        await page.keyboard.press(presses % 8 === 7 ? "ArrowDown" : "ArrowRight");
    }
    throw new Error("the arrow keys lead to no free seat");
}

/** Presses Tab until an element that matches has the focus. */
export async function tabTo(page, selector) {
    for (let presses = 0; presses < 120; presses += 1) {
        await page.keyboard.press("Tab");
        if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    }
    throw new Error(`Tab does not lead to ${selector}`);
}
