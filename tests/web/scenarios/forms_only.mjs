// A purchase in a browser without scripts: by forms alone, from the event to the ticket and back.

import { register, send } from "../lib/people.mjs";

export const matrix = "two";
export const context = { javaScriptEnabled: false };

export default async function (tour) {
    const { page, things } = tour;
    const press = (action) => send(page, page.locator(`form[action$='${action}']`));
    tour.step("making an account with money");
    await register(tour);
    await page.goto("/account");
    await press("/account/charge");

    tour.step("taking the best seats");
    await page.goto(`/events/${things.event}`);
    await page.locator("#best [name=quantity]").fill("2");
    await send(page, page.locator("#best"));
    const lines = page.locator("#basket .basket-hold");
    tour.check((await lines.count()) === 1, `${await lines.count()} holds are shown`);
    await tour.look("event with held seats");

    tour.step("asking for more than there is");
    tour.allow(/POST \/events\/.*\/holds: 422/);
    const tooMany = page.locator("form[data-lines] [name=quantity]");
    tour.check((await tooMany.getAttribute("max")) === "20", "the field does not know the limit");
    await page.locator("form[data-lines]").evaluate((form) => { form.noValidate = true; });
    await tooMany.fill("64");
    await send(page, page.locator("form[data-lines]"));
    await page.locator("[role=alert]").first().waitFor();
    await tour.look("more than there is");

    tour.step("choosing seats from the list");
    await page.goto(`/events/${things.event}/seats?section=0`);
    await page.locator("input[name=seat]:enabled").last().check();
    await tour.look("list of seats", { fromEnd: true });
    await send(page, page.locator("form.seat-list"));
    tour.check((await lines.count()) === 2, `${await lines.count()} holds are shown`);

    tour.step("giving one back, and more time for the other");
    await page.goto("/basket");
    await tour.look("basket");
    const one = page.locator(".basket-hold").filter({ hasNot: page.locator("li:nth-child(2)") });
    await send(page, one.locator("form[action$='/release']"));
    await press("/extend");
    tour.check((await lines.count()) === 1, `${await lines.count()} holds are left`);

    tour.step("checking out");
    await page.locator("a[href*='/checkout/']").first().click();
    await page.waitForURL(/\/checkout\//);
    await tour.look("checkout");
    await send(page, page.locator("form[action*='/checkout/']"));
    await page.waitForURL(/\/orders\//);
    await tour.look("order to be paid");
    await send(page, page.locator("form[action$='/pay']"));
    await page.locator("[data-status=CONFIRMED]").waitFor();
    await tour.look("confirmation");
    const order = new URL(page.url()).pathname;

    tour.step("reading the tickets");
    await page.goto("/tickets");
    tour.check((await page.locator(".ticket").count()) === 2, "there are not two tickets");
    await tour.look("tickets");
    await page.locator(".ticket a").first().click();
    await page.waitForURL(/\/tickets\/.+/);
    await tour.look("a ticket");
    await page.goto("/orders");
    await tour.look("orders");

    tour.step("cancelling the order");
    await page.goto(order);
    const whole = page.locator("form[action$='/cancel']");
    await page.locator("details.cancel", { has: whole }).locator("summary").click();
    await send(page, page.locator("form[action$='/cancel']"));
    await page.locator("[data-status=CANCELLED]").waitFor();
    await tour.look("cancelled order");
}
