// Mishaps of buyers: a connection lost in the middle of an order and its payment, a hold that runs
// out on the checkout page, the back button, two tabs of one basket, a wrong clock, and no cookies.

import { asOrganiser, standing } from "../lib/organiser.mjs";
import { press, register, send } from "../lib/people.mjs";
import { buy, order, pay, toCheckout } from "../lib/purchase.mjs";
import { waitForLines } from "../lib/seats.mjs";
import { wireTo, wireWithoutCookies } from "../lib/wire.mjs";

export const matrix = "one";

/** Seconds of a hold that runs out while the scenario does other things. */
const SHORT = 8;
const HOURS = 3_600_000;

export async function before({ base }) {
    const [wire, plain] = await Promise.all([wireTo(base), wireWithoutCookies(base)]);
    const stop = () => [wire, plain].forEach((one) => one.stop());
    return { wire, plain, base: wire.base, stop };
}

export default async function (tour) {
    tour.wire.mend();
    const organiser = await asOrganiser(tour);
    const event = await organiser.event({ products: [standing(30)], seatMap: undefined });
    const policy = { holdTtlSeconds: SHORT, holdMaxSeconds: SHORT };
    const brief = await organiser.event({ products: [standing(30)], seatMap: undefined, policy });
    await lostAnswers(tour, organiser, event);
    const late = await atCheckout(tour, brief);
    await twoTabs(tour, organiser, event);
    await goingBack(tour, event);
    await lastPlaces(tour, organiser);
    await wrongClocks(tour, event);
    await withoutCookies(tour, organiser, event);
    await runOut(tour, late);
}

async function lostAnswers(tour, organiser, event) {
    const { page, wire } = tour;
    const wallet = (of) => of.locator("form:has(input[name=method][value=wallet])");
    const pressAndLose = async (form, lose) => {
        lose();
        await press(page, form.locator("button"));
        tour.check(!(await page.locator("main").count()), "there is a page without a connection");
        wire.mend();
    };
    tour.step("an account with money");
    await register(tour);
    await page.goto("/account");
    await send(page, page.locator("form[action$='/account/charge']"));

    tour.step("the answer to an order is lost, and the form is sent again");
    tour.allow(/a request failed: POST \/checkout\//);
    await toCheckout(page, event.id);
    await pressAndLose(page.locator("form[action*='/checkout/']"), wire.lose);
    await page.reload();
    await page.waitForURL(/\/orders\//);
    await page.locator("[data-status=PAYMENT_PENDING]").waitFor();

    tour.step("a payment that is not sent, and is tried again");
    tour.allow(/a request failed: POST \/orders\/.*\/pay/);
    const path = new URL(page.url()).pathname;
    const tab = await tour.context.newPage();
    await tab.goto(path);
    await pressAndLose(wallet(page), wire.cut);
    await page.goBack();
    await page.locator("[data-status=PAYMENT_PENDING]").waitFor();

    tour.step("a payment whose answer is lost, and that is tried again in a tab of before");
    await pressAndLose(wallet(page), wire.lose);
    await page.goBack();
    await page.locator("[data-status=CONFIRMED]").waitFor();
    await send(tab, wallet(tab));
    await tab.locator("[data-status=CONFIRMED]").waitFor();
    await tour.look("paid after all", { page: tab });

    tour.step("one order, paid once");
    await page.goto("/orders");
    const orders = page.locator("main a[href^='/orders/']");
    tour.check((await orders.count()) === 1, `there are ${await orders.count()} orders`);
    await page.goto("/account");
    tour.check(/950,000/.test(await page.locator("main").innerText()), "not 50,000 were paid");
    const { sold, held } = (await organiser.counts(event)).Standing;
    tour.check(sold === 1 && held === 0, `${sold} places are sold, ${held} are held`);
    await tab.close();
}

/** Opens the checkout of a hold that soon runs out. */
async function atCheckout(tour, event) {
    tour.step("a checkout with little time");
    tour.allow(/GET \/checkout\/.*: 410/);
    const late = await (await tour.another()).newPage();
    await toCheckout(late, event.id);
    return late;
}

async function runOut(tour, late) {
    tour.step("the hold runs out on the checkout page");
    await late.locator("main .button[href='/']").waitFor({ timeout: (SHORT + 10) * 1_000 });
    tour.check((await late.locator("form[action*='/checkout/']").count()) === 0, "it can be ordered");
    await tour.look("time is up", { page: late, follow: false });
}

async function twoTabs(tour, organiser, event) {
    tour.step("two tabs of one basket");
    const context = await tour.another();
    const [one, two] = [await context.newPage(), await context.newPage()];
    await register({ page: one, cell: tour.cell }, "이지원");
    for (const tab of [one, two]) await tab.goto(`/events/${event.id}`);
    const take = async () => {
        await one.locator("form[data-lines] [name=quantity]").fill("2");
        await one.locator("form[data-lines] button").click();
        for (const tab of [one, two]) await waitForLines(tab, 1);
    };
    await take();
    await two.locator(".basket-drop").click();
    for (const tab of [one, two]) await tab.locator("#basket .basket-empty").waitFor();
    await take();

    tour.step("both tabs order and pay");
    for (const tab of [one, two]) {
        await tab.locator(".basket-checkout").click();
        await tab.waitForURL(/\/checkout\//);
    }
    const ids = [await order(one), await order(two)];
    tour.check(ids[0] === ids[1], "the two tabs made two orders");
    await pay(two);
    await pay(one);
    const { sold, held } = (await organiser.counts(event)).Standing;
    tour.check(sold === 3 && held === 0, `${sold} places are sold, ${held} are held`);
}

async function goingBack(tour, event) {
    tour.step("back after paying");
    const buyer = await (await tour.another()).newPage();
    const id = await buy(buyer, event.id, { email: "back@example.com" });
    for (const from of ["the confirmation", "the order"]) {
        tour.step(`back from ${from}`);
        await buyer.goBack();
        await buyer.locator("[data-status=CONFIRMED]").waitFor();
        tour.check(new URL(buyer.url()).pathname === `/orders/${id}`, `back leads to ${buyer.url()}`);
        const forms = await buyer.locator("form[action$='/pay'], form[action*='/checkout/']").count();
        tour.check(forms === 0, "it can be paid or ordered again");
    }
    await tour.look("back after paying", { page: buyer });

    tour.step("a page that the browser kept in its memory is loaded anew");
    await Promise.all([
        buyer.waitForEvent("framenavigated"),
        buyer.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))),
    ]);
    await buyer.locator("[data-status=CONFIRMED]").waitFor();
}

async function lastPlaces(tour, organiser) {
    tour.step("a buyer takes the last places");
    const event = await organiser.event({ products: [standing(2)], seatMap: undefined });
    const buyer = await (await tour.another()).newPage();
    await buyer.goto(`/events/${event.id}`);
    await buyer.locator("form[data-lines] [name=quantity]").fill("2");
    await buyer.locator("form[data-lines] button").click();
    await buyer.locator("[data-sale-state][data-status=SOLD_OUT]").waitFor();
    const says = (mine) => buyer.locator(`.sale-says[data-with-basket=${mine}]`);
    await says(true).waitFor();
    tour.check(await says(false).isHidden(), "the buyer is sent to the waitlist");
    await buyer.reload();
    await waitForLines(buyer, 1);
    tour.check((await says(true).isVisible()) && (await says(false).isHidden()), "a reload forgets it");
    await buyer.locator("form[action$='/waitlist']").waitFor({ state: "hidden" });
    await tour.look("the last places", { page: buyer });
    await buyer.locator(".basket-drop").click();
    await buyer.locator("[data-sale-state][data-status=SELLING]").waitFor();
    tour.check(await says(true).isHidden(), "it is still said to be sold out");
}

async function wrongClocks(tour, event) {
    for (const hours of [5, -26]) {
        tour.step(`a clock that is wrong by ${hours} hours`);
        const context = await tour.another();
        await context.addInitScript((shift) => {
            const Right = Date;
            globalThis.Date = class extends Right {
                constructor(...parts) {
                    super(...(parts.length > 0 ? parts : [Right.now() + shift]));
                }
                static now() {
                    return Right.now() + shift;
                }
            };
        }, hours * HOURS);
        const buyer = await context.newPage();
        await buyer.goto(`/events/${event.id}`);
        const shift = await buyer.evaluate(() => Date.now()) - Date.now();
        tour.check(Math.abs(shift - hours * HOURS) < HOURS, `the clock is wrong by ${shift} ms`);
        await buyer.locator("form[data-lines] button").click();
        await waitForLines(buyer, 1);
        await countsDown(tour, buyer.locator("#basket time"));
        await buyer.locator(".basket-checkout").click();
        await buyer.waitForURL(/\/checkout\//);
        await countsDown(tour, buyer.locator("main time[data-countdown]"));
    }
}

/** Checks that a countdown shows what is left of the five minutes of a hold. */
async function countsDown(tour, time) {
    const shown = /(?:^| · )(\d+):(\d\d)(?: left| 남음)?$/;
    await time.filter({ hasText: shown }).waitFor();
    const [minutes, seconds] = shown.exec(await time.innerText()).slice(1).map(Number);
    const left = minutes * 60 + seconds;
    tour.check(left > 240 && left <= 301, `the countdown shows ${minutes}:${seconds}`);
}

async function withoutCookies(tour, organiser, event) {
    tour.step("a browser that refuses cookies");
    tour.allow(/POST \/api\/events\/.*\/holds: 401/);
    const before = (await organiser.counts(event)).Standing.held;
    const buyer = await (await tour.another({ baseURL: tour.plain.base })).newPage();
    await buyer.goto(`/events/${event.id}`);
    await buyer.locator("form[data-lines] button").click();
    const said = buyer.locator("#notices [role=alert]").filter({ hasText: /cookie|쿠키/ });
    await said.waitFor();
    await tour.look("no cookies", { page: buyer, follow: false });
    const { held } = (await organiser.counts(event)).Standing;
    tour.check(held === before, "a place is held for a browser that cannot have it");
    await register({ page: buyer, cell: tour.cell }, "최쿠키");
    const advice = buyer.locator("main [role=alert]").filter({ hasText: /cookie|쿠키/ });
    await advice.waitFor();
    tour.check(new URL(buyer.url()).pathname === "/session/check", `it leads to ${buyer.url()}`);
    await tour.look("no cookies after registering", { page: buyer, follow: false });
}
