// A sold-out event: its waitlist with an account, an offer that appears by itself when the organiser puts
// a place back on sale, its acceptance and the ticket, and another customer who leaves the line.

import { asOrganiser, standing } from "../lib/organiser.mjs";
import { register, send, signIn } from "../lib/people.mjs";

export const matrix = "two";

export default async function (tour) {
    const { page, things } = tour;
    const organiser = await asOrganiser(tour);
    const event = await organiser.event({ products: [standing(1)], seatMap: undefined });
    const [product] = (await organiser.get(`/api/events/${event.id}`)).products;
    await organiser.post(`/api/admin/offerings/${event.id}/block`, {
        productId: product.id,
        quantity: 1,
    });

    tour.step("joining the line");
    await register(tour, "김하나");
    await join(page, event);
    const entry = page.locator(".waiting");
    tour.check((await entry.innerText()).includes("1"), "the first in line has no number");
    await tour.look("on the waitlist");

    tour.step("another customer joins and leaves");
    const other = await (await tour.another()).newPage();
    await register({ page: other, cell: tour.cell }, "이두리");
    await join(other, event);
    await other.goto("/basket");
    await other.locator(`main a[href='/events/${event.id}']`).last().click();
    await send(other, other.locator("form[action$='/leave']"));
    await other.locator("form[action$='/waitlist']").waitFor();
    tour.check((await other.locator(".waiting").count()) === 0, "the other customer still waits");
    await tour.look("left the waitlist", { page: other });

    tour.step("the organiser puts a place back on sale");
    const office = await (await tour.another()).newPage();
    await signIn({ page: office }, things.admin);
    await office.goto(`/organiser/events/${event.id}/waitlist`);
    await office.getByText("김하나").waitFor();
    tour.check((await office.getByText("이두리").count()) === 0, "the organiser sees who left");
    await tour.look("waitlist of the organiser", { page: office });
    await office.goto(`/organiser/events/${event.id}`);
    const back = office.locator("form:has(input[name=do][value=unblock])");
    await office.locator("details", { has: back }).locator("summary").click();
    await back.locator("input[type=number]").fill("1");
    await send(office, back);

    tour.step("the offer appears by itself");
    const offer = page.locator(".offer");
    await offer.waitFor({ timeout: 20_000 });
    await offer.locator("time", { hasText: / · \d+:\d\d (left|남음)$/ }).waitFor();
    await tour.look("an offer");
    tour.check((await other.locator(".offer").count()) === 0, "the place is offered twice");

    tour.step("accepting it");
    await send(page, page.locator("form[action$='/accept']"));
    await page.waitForURL(/\/checkout\//);
    await send(page, page.locator("form[action*='/checkout/']"));
    await page.waitForURL(/\/orders\//);
    await send(page, page.locator("form:has(input[value=simulator])"));
    await page.locator("[data-status=CONFIRMED]").waitFor();
    await page.goto("/tickets");
    tour.check((await page.locator(".ticket").count()) === 1, "there is not one ticket");
    tour.check((await organiser.counts(event)).Standing.sold === 1, "the place is not sold");
}

/** Joins the waitlist of a sold-out event. */
async function join(page, { id }) {
    await page.goto(`/events/${id}`);
    await page.locator("[data-sale-state][data-status=SOLD_OUT]").waitFor();
    await send(page, page.locator("form[action$='/waitlist']"));
    await page.locator(".waiting").waitFor();
}
