// Tickets that were opened once show without a network, and nothing else does; signing out deletes
// them from the device.

import { signIn } from "../lib/people.mjs";
import { wireTo } from "../lib/wire.mjs";

export const matrix = "others";

export async function before({ base }) {
    const wire = await wireTo(base);
    return { wire, base: wire.base, stop: wire.stop };
}

export default async function (tour) {
    const { page, things, wire } = tour;
    const path = `/tickets/${things.seat.id}`;
    wire.mend();
    tour.step("opening tickets");
    await signIn(tour, things.kim);
    // The first page installs the worker and is kept at its request, the second by passing it.
    await page.goto("/tickets");
    await kept(tour, "/tickets");
    await page.goto(path);
    await kept(tour, path);
    tour.check(await page.locator(".saved-copy").isHidden(), "a fresh page says that it is a copy");

    tour.step("showing them without a network");
    tour.allow(/a request failed: GET .*ERR_(CONNECTION|SOCKET|EMPTY)/);
    wire.cut();
    for (const at of [path, "/tickets"]) {
        await page.goto(at);
        await page.locator(".saved-copy").waitFor();
        await page.locator(`.ticket-qr svg`).first().waitFor();
        tour.check(await page.getByText(things.seat.code).isVisible(), `${at} shows no code`);
        await tour.look(at === path ? "copy of a ticket" : "copy of the list", { follow: false });
    }
    tour.allow(/GET .*: 503/);
    for (const at of ["/", "/orders", `/events/${things.event}`, "/tickets?after=1_2"]) {
        await page.goto(at);
        tour.check(await page.locator('main a[href=""]').isVisible(), `${at} shows a copy`);
        tour.check((await page.locator(".ticket").count()) === 0, `${at} shows a ticket`);
    }
    await tour.look("offline page", { follow: false });

    tour.step("finding the network again");
    wire.mend();
    await page.goto(path);
    tour.check(await page.locator(".saved-copy").isHidden(), "the server's page is called a copy");

    tour.step("signing out");
    await page.goto("/account");
    await page.locator('form[action="/sign-out"] button').click();
    await page.locator("body > .notice").waitFor();
    wire.cut();
    await page.goto(path);
    tour.check((await page.locator(".ticket").count()) === 0, "a ticket is left after signing out");
    wire.mend();
}

/** Waits until the service worker has a copy of the page. */
async function kept({ page }, path) {
    await page.evaluate(async (key) => {
        const isKept = async () => (await caches.match(key))?.headers.has("saved-owner");
        while (!(await isKept())) await new Promise((resolve) => setTimeout(resolve, 50));
    }, path);
}
