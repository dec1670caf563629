// A guest buys: a seat on the map, an e-mail address at the checkout, a payment of the demonstration,
// the order found again on another device, and an account that keeps the tickets.

import { send } from "../lib/people.mjs";
import { freeSeats, openMap, pressSeat, waitForLines } from "../lib/seats.mjs";

export const matrix = "two";

export default async function (tour) {
    const { page, things, cell } = tour;
    const email = `guest-${cell.width}-${crypto.randomUUID().slice(0, 8)}@example.com`;
    const main = (form) => page.locator(`main form[action*='${form}']`);

    tour.step("taking a seat on the map without an account");
    await openMap(page, things.event);
    const [first] = await freeSeats(page);
    await pressSeat(tour, page, first);
    await waitForLines(page, 1);
    await page.locator(".basket-checkout").click();
    await page.waitForURL(/\/checkout\//);

    tour.step("leaving an address");
    await tour.look("checkout of a guest");
    await page.fill("[name=email]", email);
    await send(page, main("/checkout/"));
    await page.waitForURL(/\/orders\//);
    await tour.look("an order to pay");

    tour.step("paying by the demonstration's method");
    await send(page, page.locator("form:has(input[value=simulator])"));
    await page.locator("[data-status=CONFIRMED]").waitFor();
    const code = (await page.locator(".code-large").textContent()).trim();
    tour.check(code.length === 10, `the claim code is ${code}`);
    await tour.look("confirmation");
    const pdf = await page.request.get(await page.locator("a[href^='/orders/'][href$='.pdf']").getAttribute("href"));
    tour.check((await pdf.body()).subarray(0, 5).toString() === "%PDF-", "the PDF is none");
    const ics = await page.request.get(await page.locator("a[href$='.ics']").getAttribute("href"));
    tour.check((await ics.text()).startsWith("BEGIN:VCALENDAR"), "the calendar file is none");

    tour.step("finding the order on another device");
    const other = await (await tour.another()).newPage();
    await other.goto("/claim");
    tour.allow(/POST \/claim: 401/);
    await other.fill("[name=email]", email);
    await other.fill("[name=code]", "0000000000");
    await send(other, other.locator("main form"));
    tour.check(await other.locator(".error").isVisible(), "a wrong code is not refused");
    await other.fill("[name=code]", code.toLowerCase());
    await send(other, other.locator("main form"));
    await other.waitForURL(/\/tickets/);
    tour.check((await other.locator(".ticket").count()) === 1, "the other device has not the ticket");

    tour.step("making an account that keeps them");
    await page.goto("/register?back=/tickets");
    await page.fill("[name=name]", "Kim");
    await page.fill("[name=email]", `account-${email}`);
    await page.fill("[name=password]", "correct horse");
    await send(page, main("/register"));
    await page.waitForURL(/\/tickets/);
    tour.check((await page.locator(".ticket").count()) === 1, "the account has not the ticket");
    await tour.look("tickets");
}
