// An organiser writes terms; a person registers with them, and agrees to their next version.

import { PASSWORD, press, send, signIn, signOut } from "../lib/people.mjs";

export const matrix = "two";

export default async function (tour) {
    const { page, things } = tour;
    const mark = crypto.randomUUID().slice(0, 8);
    const title = `<b>약관</b> & Terms ${mark}`;

    tour.step("writing terms");
    await signIn(tour, things.admin);
    await page.goto("/organiser/terms");
    await tour.look("the organiser's terms");
    const form = page.locator("form[action^='/organiser/terms#new']");
    await form.locator("[name=mclass]").fill("no class");
    await form.locator("[name=title]").fill(title);
    await form.locator("[name=content]").fill(`1. <i>One</i>\n2. 둘 العربية\n\n${"long".repeat(80)}`);
    await form.locator("[name=required]").check();
    tour.allow(/POST \/organiser\/terms: 422/);
    await press(page, form.locator("button"));
    await page.getByRole("alert").waitFor();
    await tour.look("refused terms");
    await form.locator("[name=mclass]").fill("");
    await press(page, form.locator("button"));
    await page.waitForURL(/\/organiser\/terms\/[0-9a-f-]{36}/);
    const first = new URL(page.url()).pathname;
    for (const summary of await page.locator("main summary").all()) await summary.click();
    await tour.look("terms and their next version");
    await signOut(tour);

    tour.step("registering without the box and with it");
    await page.goto("/register");
    await tour.look("a registration with terms");
    const registration = page.locator("form[action='/register']");
    const box = registration.getByLabel(title);
    await registration.locator("[name=name]").fill("김민수");
    await registration.locator("[name=email]").fill(`${mark}@example.com`);
    await registration.locator("[name=password]").fill(PASSWORD);
    tour.check(await box.evaluate((input) => !input.validity.valid), "the browser does not ask for the box");
    await registration.evaluate((element) => (element.noValidate = true));
    tour.allow(/POST \/register: 409/);
    await send(page, registration);
    await page.getByRole("alert").waitFor();
    tour.check(page.url().includes("/register"), "an account was made without the required box");
    await tour.look("a registration without the required box");
    await box.check();
    await registration.locator("[name=password]").fill(PASSWORD);
    await send(page, registration);
    await page.goto("/account");
    await tour.look("an account with an agreement");
    await page.locator("main a", { hasText: mark }).click();
    await page.waitForURL(/\/terms\/[0-9a-f-]{36}/);
    const text = page.locator(".plain-text");
    tour.check((await text.innerText()).includes("1. <i>One</i>\n2. 둘"), "the text is not as it was written");
    await tour.look("terms that were agreed to");
    await signOut(tour);

    tour.step("replacing the terms");
    await signIn(tour, things.admin);
    await page.goto(first);
    await page.locator("#edit summary").click();
    const next = page.locator("#edit form");
    await next.locator("[name=content]").fill("1. Other");
    await send(page, next);
    const second = new URL(page.url()).pathname;
    tour.check(second !== first, "the next version has the address of the one before");
    await page.goto(first);
    await tour.look("terms that were replaced");
    await signOut(tour);

    tour.step("agreeing to the next version");
    await signIn(tour, { email: `${mark}@example.com` });
    await page.goto("/account");
    await tour.look("an account without an agreement");
    await page.locator("main .warning + ul a", { hasText: mark }).click();
    await page.waitForURL(/\/terms\/[0-9a-f-]{36}/);
    await tour.look("terms to agree to");
    await send(page, page.locator("form[action$='/agree']"));
    await page.locator("[role=status]").first().waitFor();
    tour.check((await page.locator("form[action$='/agree']").count()) === 0, "the agreement is asked for again");
    await page.goto("/terms");
    await tour.look("all terms");
    await signOut(tour);

    tour.step("retiring the terms");
    await signIn(tour, things.admin);
    await page.goto(second);
    await page.locator("#retire summary").click();
    await send(page, page.locator("#retire form"));
    tour.check((await page.locator("main table", { hasText: mark }).count()) === 0, "the terms are still listed");
}
