// An organiser makes an event by the form, publishes it, watches its sale, takes places off sale and puts
// them back, pauses and opens the sale, refunds an order, downloads the orders and cancels the event.

import { readFile } from "node:fs/promises";

import { press, signIn } from "../lib/people.mjs";
import { buy } from "../lib/purchase.mjs";

export const matrix = "two";

const STARTS = "2035-05-01T19:30";

export default async function (tour) {
    const { page, things } = tour;
    const name = `맥베스 ${crypto.randomUUID().slice(0, 8)}`;
    tour.step("signing in");
    await signIn(tour, things.admin);
    await page.goto("/organiser");
    await tour.look("the organiser's events");
    await page.locator("main a[href='/organiser/events/new']").first().click();
    const event = await makeEvent(tour, name);
    const buyer = await onStartPage(tour, event, name);

    // The first page stays and is watched; the work is done in a second one.
    const desk = await tour.context.newPage();
    const first = await watchSale(tour, event, buyer);
    await seatsOffSale(tour, desk, event);
    await pauseAndOpen(tour, desk, event, buyer);
    await refund(tour, desk, event, first);
    await takeFile(tour, desk, event, first);
    await cancelEvent(tour, desk, { event, name, buyer });
}

async function makeEvent(tour, name) {
    const { page } = tour;
    const button = (value) => page.locator(`form.event-form button[name=do][value=${value}]`).last();
    const fill = (values) => fillIn(page, values);
    tour.step("filling the form of an event in");
    await fill({ name, venue: "The old theatre", time_zone: "Asia/Seoul", starts: STARTS });
    await fill({ "product-0-name": "Standing", "product-0-price": "50000", "product-0-stock": "20" });
    await press(page, button("add-product"));
    await fill({ "product-1-name": "Stalls", "product-1-price": "90000" });
    await press(page, button("add-section"));
    await fill({ "section-0-name": "Left", "section-0-rows": "A: 6\nB-C: 4" });
    await page.locator("[name='section-0-product']").selectOption({ label: "Stalls" });

    tour.step("a mistake in it");
    tour.allow(/POST \/organiser\/events\/new: 4\d\d/);
    await fill({ ends: "2035-05-01T18:00" });
    await press(page, button("publish"));
    const said = page.getByRole("alert");
    await said.waitFor();
    await tour.look("a refused form");
    await said.getByRole("link").click();
    const focused = await page.evaluate(() => new URL(location.href).hash);
    tour.check(focused === "#field-ends", `the refusal leads to ${focused}`);
    for (const [input, expected] of Object.entries({
        name,
        starts: STARTS,
        "product-0-stock": "20",
        "product-1-name": "Stalls",
        "section-0-rows": "A: 6\nB-C: 4",
    })) {
        const value = await page.locator(`[name='${input}']`).inputValue();
        tour.check(value === expected, `${input} is ${JSON.stringify(value)} after the refusal`);
    }

    tour.step("publishing it");
    await fill({ ends: "2035-05-01T22:00" });
    await press(page, button("publish"));
    await page.waitForURL(/\/organiser\/events\/[0-9a-f-]{36}/);
    await page.locator("#map[data-ready]").waitFor();
    await tour.look("the new event");
    return new URL(page.url()).pathname.split("/").pop();
}

async function onStartPage(tour, event, name) {
    tour.step("the event on the start page");
    const buyer = await (await tour.another()).newPage();
    await buyer.goto("/");
    const card = buyer.locator(".card", { has: buyer.getByRole("link", { name }) });
    await card.locator("[data-status=SELLING]").waitFor();
    await card.getByRole("link").click();
    await buyer.waitForURL(`**/events/${event}`);
    return buyer;
}

async function watchSale(tour, event, buyer) {
    const { page } = tour;
    tour.step("another browser buys, and the page of the organiser shows it by itself");
    const first = await buy(buyer, event, { places: 3, email: "first@example.com" });
    await shows(page, "Standing", "sold", 3);
    await shows(page, "Standing", "available", 17);
    const second = await (await tour.another()).newPage();
    await buy(second, event, { places: 2, email: "second@example.com" });
    await shows(page, "Standing", "sold", 5);
    return first;
}

async function seatsOffSale(tour, desk, event) {
    const { page } = tour;
    tour.step("seats off sale and back");
    await desk.goto(`/organiser/events/${event}/seats?section=0`);
    for (const nth of [0, 1]) await desk.locator("input[name=seat]").nth(nth).check();
    await tour.look("seats of a section", { page: desk });
    await press(desk, desk.locator("button[value=block-seats]"));
    await shows(page, "Stalls", "blocked", 2);
    await desk.locator("[name=rows]").fill("A");
    await press(desk, desk.locator("button[value=unblock-seats]"));
    await shows(page, "Stalls", "blocked", 0);

    tour.step("places off sale and back");
    await act(desk, event, "block", { "block-quantity": "4" });
    await shows(page, "Standing", "blocked", 4);
    await act(desk, event, "unblock", { "unblock-quantity": "4" });
    await shows(page, "Standing", "blocked", 0);
}

async function pauseAndOpen(tour, desk, event, buyer) {
    const { page } = tour;
    tour.step("pausing the sale and opening it again");
    await buyer.goto(`/events/${event}`);
    for (const [action, status] of [
        ["pause", "PAUSED"],
        ["open", "SELLING"],
    ]) {
        await act(desk, event, action);
        await page.locator(`[data-sale-state-of] [data-status=${status}]`).waitFor();
        await buyer.locator(`[data-sale-state][data-status=${status}]`).waitFor();
    }
}

async function refund(tour, desk, event, order) {
    const { page } = tour;
    tour.step("the history of an order");
    await desk.goto(`/organiser/events/${event}/orders`);
    await desk.locator("[name=q]").fill("first@example.com");
    await press(desk, desk.locator("form[role=search] button"));
    const found = desk.locator("main table a[href^='/organiser/orders/']");
    tour.check((await found.count()) === 1, `${await found.count()} orders are found`);
    await tour.look("orders", { page: desk });
    await found.click();
    await desk.waitForURL(`**/organiser/orders/${order}`);
    const happened = await desk.locator("table.history tr").count();
    tour.check(happened >= 3, `the history has ${happened} rows`);
    await tour.look("an order", { page: desk });

    tour.step("its refund");
    const form = desk.locator("form[action$='/cancel']");
    await desk.locator("details", { has: form }).locator("summary").click();
    tour.check(/150,000/.test(await form.innerText()), "the form does not say how much is given back");
    await press(desk, form.locator("button"));
    await desk.locator("[data-status=CANCELLED]").first().waitFor();
    const then = await desk.locator("table.history tr").count();
    tour.check(then > happened, `the history still has ${then} rows`);
    await shows(page, "Standing", "sold", 2);
}

async function takeFile(tour, desk, event, order) {
    tour.step("the orders as a file");
    await desk.goto(`/organiser/events/${event}/orders`);
    const [download] = await Promise.all([
        desk.waitForEvent("download"),
        desk.locator("a[href*='orders.csv']").click(),
    ]);
    const lines = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
    tour.check(/\.csv$/.test(download.suggestedFilename()), `it is ${download.suggestedFilename()}`);
    tour.check(lines.length === 3, `the file has ${lines.length} lines`);
    const line = lines.find((one) => one.includes(order)) ?? "";
    tour.check(/first@example\.com.*150000/.test(line), `the order is: ${line}`);

    tour.step("the last orders have come to the live page");
    const last = tour.page.locator(`#last-orders a[href$='${order}']`);
    await last.waitFor({ timeout: 20_000 });
}

async function cancelEvent(tour, desk, { event, name, buyer }) {
    const { page } = tour;
    tour.step("a wrong name cancels nothing");
    tour.allow(/POST \/organiser\/events\/.*\/actions: 4\d\d/);
    await desk.goto(`/organiser/events/${event}`);
    const form = actionForm(desk, "cancel");
    await desk.locator("details", { has: form }).locator("summary").click();
    const does = await form.innerText();
    tour.check(/\b1\b/.test(does) && /100,000/.test(does), `the form says: ${does}`);
    await form.locator("[name=confirm]").fill("햄릿");
    await press(desk, form.locator("button"));
    await desk.getByRole("alert").first().waitFor();
    await tour.look("a wrong name", { page: desk });

    tour.step("cancelling the event");
    await act(desk, event, "cancel", { confirm: name });
    await desk.locator("[data-sale-state-of] [data-status=CANCELLED]").waitFor();
    await tour.look("a cancelled event", { page: desk });
    await page.locator("[data-sale-state-of] [data-status=CANCELLED]").waitFor();
    await buyer.locator("[data-sale-state][data-status=CANCELLED]").waitFor();
    // These parts come with the page, and again some seconds after a change.
    await desk.locator("#last-orders [data-status=CANCELLED]").nth(1).waitFor({ timeout: 20_000 });
}

function actionForm(page, action) {
    return page.locator(`form:has(input[name=do][value=${action}])`);
}

/** Does one of the actions of an event's page. */
async function act(page, event, action, values = {}) {
    await page.goto(`/organiser/events/${event}`);
    const form = actionForm(page, action);
    await page.locator("details", { has: form }).locator("summary").click();
    for (const [name, value] of Object.entries(values)) await form.locator(`[name='${name}']`).fill(value);
    await press(page, form.locator("button"));
    await page.waitForURL(/notice=done/);
}

async function fillIn(page, values) {
    for (const [name, value] of Object.entries(values)) await page.locator(`[name='${name}']`).fill(value);
}

/** Waits until the live table has a number. */
async function shows(page, product, count, value) {
    const row = page.locator("tr[data-product]").filter({ hasText: product });
    await row.locator(`[data-count=${count}]`).getByText(String(value), { exact: true }).waitFor();
}
