// A buyer pays by the simulator: at once, after a wait on a page that asks again by itself, and after a
// decline; and by transfer, which the administrator marks as paid and gives back on the pages of payments.

import { asOrganiser, standing } from "../lib/organiser.mjs";
import { press, register, signIn } from "../lib/people.mjs";
import { order, toCheckout } from "../lib/purchase.mjs";

export const matrix = "two";

export default async function (tour) {
    const organiser = await asOrganiser(tour);
    const event = await organiser.event({ products: [standing(30)], seatMap: undefined });
    await register(tour);
    await atOnce(tour, event);
    await afterAWait(tour, event);
    await afterADecline(tour, event);
    await byTransfer(tour, event);
}

/** Makes an order and goes to its page; returns its path. */
async function ordered(tour, event) {
    await toCheckout(tour.page, event.id);
    return `/orders/${await order(tour.page)}`;
}

const simulator = (page) => page.locator("form:has(input[name=method][value=simulator])");
const isPaid = (page) => page.locator("[data-status=CONFIRMED]").waitFor();

async function simulate(page, outcome) {
    const form = simulator(page);
    await form.locator("[name=outcome]").selectOption(outcome);
    await press(page, form.locator("button"));
}

async function atOnce(tour, event) {
    const { page } = tour;
    tour.step("a payment that succeeds at once");
    await ordered(tour, event);
    await tour.look("the ways to pay");
    await simulate(page, "succeed");
    await isPaid(page);
    await page.locator("[data-payment=CAPTURED]").waitFor();
    await tour.look("a paid order");
}

async function afterAWait(tour, event) {
    const { page } = tour;
    tour.step("a payment that waits");
    const path = await ordered(tour, event);
    await simulate(page, "wait");
    await page.locator(".pending").waitFor();
    await page.locator("[data-payment=PENDING]").waitFor();
    await tour.look("a payment that waits");
    tour.step("the page asks again by itself");
    await page.locator("[data-status=CONFIRMED]").waitFor({ timeout: 60_000 });
    tour.check(new URL(page.url()).pathname === path, `the page is ${page.url()}`);
    tour.check(!(await page.locator(".pending").count()), "the wait is still shown");
}

async function afterADecline(tour, event) {
    const { page } = tour;
    tour.step("a payment that is declined");
    tour.allow(/POST \/orders\/.*\/pay: 409/);
    const path = await ordered(tour, event);
    await simulate(page, "decline");
    tour.check((await page.getByRole("alert").count()) === 1, "the decline is not said once");
    await page.locator("[data-payment=FAILED]").waitFor();
    await tour.look("a declined payment");
    tour.step("coming back after the decline");
    await page.goto(path);
    await page.getByRole("alert").waitFor();
    await tour.look("an order after a decline");
    tour.step("paying after the decline");
    await simulate(page, "succeed");
    await isPaid(page);
}

async function byTransfer(tour, event) {
    const { page, things } = tour;
    tour.step("a payment by transfer");
    const path = await ordered(tour, event);
    await press(page, page.locator("form:has(input[name=method][value=manual]) button"));
    await page.locator(".pending").waitFor();
    await tour.look("what to transfer");

    const desk = await (await tour.another()).newPage();
    const unfold = (row) => row.locator("summary").first().click();
    const rowOf = () => desk.locator("tbody tr", { has: desk.locator(`a[href='/organiser${path}']`) });
    tour.step("the administrator sees the money");
    await signIn({ page: desk }, things.admin);
    await desk.goto("/organiser/payments?show=waiting");
    await unfold(rowOf());
    await tour.look("payments that wait", { page: desk });
    await press(desk, rowOf().locator("form[action$='/paid'] button"));
    await page.goto(path);
    await isPaid(page);

    tour.step("the order is cancelled, and paid back by hand");
    await page.locator("details.cancel:has(form[action$='/cancel']) summary").click();
    await press(page, page.locator("form[action$='/cancel'] button"));
    await desk.goto("/organiser/refunds");
    await unfold(rowOf());
    await tour.look("refunds", { page: desk });
    await press(desk, rowOf().locator("form[action$='/paid'] button"));
    await rowOf().locator("[data-refund=DONE]").waitFor();
    await page.goto(path);
    await page.locator("[data-payment=REFUNDED], [data-refund=DONE]").first().waitFor();
    await tour.look("an order that was given back");
    await desk.goto("/organiser/payments/notifications");
    await tour.look("parked notifications", { page: desk });
}
