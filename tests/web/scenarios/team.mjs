// An administrator invites a person to the door of an event; the person registers by the link of the mail,
// accepts, and sees the door and nothing else; the role is taken away; the audit log has all of it.

import { readFile } from "node:fs/promises";

import { mailTo } from "../lib/mail.mjs";
import { asOrganiser } from "../lib/organiser.mjs";
import { PASSWORD, press, send, signIn } from "../lib/people.mjs";
import { tabTo } from "../lib/seats.mjs";

export const matrix = "two";

const NAME = "<b>Wolfgang</b> 남궁민수 Donaudampfschifffahrtsgesellschaftskapitän";

export default async function (tour) {
    const { page, things } = tour;
    const { language, width } = tour.cell;
    const mark = `${language}-${width}-${crypto.randomUUID().slice(0, 8)}`;
    const email = `door-${mark}@a-rather-long-name-of-a-theatre.example.com`;
    const event = await (await asOrganiser(tour)).event({ name: `햄릿 — Hamlet ${mark}` });
    await signIn(tour, things.admin);

    await invite(tour, event, email);
    const door = await accept(tour, event, email);
    await takeAway(tour, event);
    await isRefused(tour, door);
    await readLog(tour, event);
}

async function invite(tour, event, email) {
    const { page } = tour;
    tour.step("the team of an event");
    await page.goto(`/organiser/events/${event.id}`);
    await page.locator(`main a[href='/organiser/team?event=${event.id}']`).click();
    await page.locator(".empty").waitFor();
    await tour.look("a team without members");

    tour.step("an address that is none");
    tour.allow(/POST \/organiser\/team: 422/);
    const form = page.locator("form.stack[action^='/organiser/team']");
    await form.locator("[name=email]").fill("kim@nowhere");
    await send(page, form);
    await page.locator("#field-email[aria-invalid=true]").waitFor();
    await tour.look("a refused invitation");

    tour.step("inviting to the door, by keyboard");
    await page.locator("[name=email]").fill("");
    await tabTo(page, "[name=email]");
    await page.keyboard.type(email);
    await page.locator("[name=role]").selectOption("DOOR");
    await tabTo(page, "form[action^='/organiser/team'] button.button");
    await page.keyboard.press("Enter");
    await page.waitForURL(/notice=invited/);
    const open = page.locator("table").filter({ hasText: email });
    tour.check((await open.count()) === 1, "the invitation is not listed");
    await tour.look("an open invitation");
}

/** Follows the link of the mail as a person without an account; returns the person's page. */
async function accept(tour, event, email) {
    tour.step("the mail");
    const text = await mailTo(tour, "invitation.sent", email);
    const link = text.match(/\S+\/invitation\?token=\S+/)?.[0];
    tour.check(text.includes(event.name), `the mail does not name the event: ${text}`);
    await tour.page.goto("/dev/mail");
    await tour.look("kept mails");

    tour.step("registering by the link");
    const person = await (await tour.another()).newPage();
    await person.goto(link);
    const told = await person.locator("main").innerText();
    tour.check(told.includes(event.name), `the invitation says, before the sign-in: ${told}`);
    await tour.look("an invitation before the sign-in", { page: person });
    await person.locator("main a[href^='/register']").click();
    await person.locator("[name=name]").fill(NAME);
    tour.check((await person.locator("[name=email]").inputValue()) === email, "the address is not filled in");
    await person.locator("[name=password]").fill(PASSWORD);
    await send(person, person.locator("form[action='/register']"));
    tour.check(person.url().startsWith(link), `registering led to ${person.url()}`);
    const offer = await person.locator("main").innerText();
    tour.check(offer.includes(event.name) && offer.includes(email), `the invitation says: ${offer}`);
    await tour.look("an invitation", { page: person });

    tour.step("accepting");
    await send(person, person.locator("form[action='/invitation']"));
    tour.check(new URL(person.url()).pathname === "/door", `accepting led to ${person.url()}`);
    await tour.look("the door of a new member", { page: person });
    await person.locator(".card").getByRole("link", { name: event.name }).click();
    await person.waitForURL(`**/door/${event.id}`);
    tour.check((await person.locator(".door-bar input").count()) > 0, "the door has no field for codes");

    tour.step("orders, which are not for the door");
    tour.allow(/GET \/organiser\/events\/[^/]*\/orders: 403/);
    await person.goto(`/organiser/events/${event.id}/orders`);
    await tour.look("orders that the door may not see", { page: person });

    tour.step("the link a second time");
    tour.allow(/GET \/invitation\?[^:]*: 410/);
    await person.goto(link);
    await tour.look("an invitation that was used", { page: person });
    return person;
}

async function takeAway(tour, event) {
    const { page } = tour;
    tour.step("taking the role away");
    await page.goto(`/organiser/team?event=${event.id}`);
    await tour.look("a team of one");
    const asked = page.locator("details").filter({ has: page.locator("form[action$='/revoke']") });
    await asked.locator("summary").click();
    tour.check((await asked.innerText()).includes("Wolfgang"), "the question does not name the person");
    await tour.look("a question before a role is taken away");
    await press(page, asked.locator("form button"));
    await page.waitForURL(/notice=role_taken/);
    await page.locator(".empty").waitFor();
}

async function isRefused(tour, person) {
    tour.step("the door without the role");
    tour.allow(/GET \/door: 403/);
    await person.goto("/door");
    await tour.look("the door without the role", { page: person });
    const links = await person.locator("nav a[href='/door'], nav a[href='/organiser']").count();
    tour.check(links === 0, "the navigation still leads to pages of staff");
}

async function readLog(tour, event) {
    const { page, things } = tour;
    tour.step("the audit log");
    await page.goto(`/organiser/events/${event.id}`);
    await page.locator(`main a[href='/organiser/audit?event=${event.id}']`).click();
    await page.waitForURL(/\/organiser\/audit/);
    const rows = page.locator("main tbody tr");
    const texts = (await rows.allInnerTexts()).map((text) => text.replace(/\s+/g, " "));
    for (const [act, who] of [
        ["invitation.send", things.adminName],
        ["invitation.accept", "Wolfgang"],
        ["grant.revoke", things.adminName],
    ]) {
        const found = texts.filter((text) => text.includes(act) && text.includes("DONE"));
        tour.check(found.length === 1, `${found.length} rows are of ${act}`);
        tour.check(found[0]?.includes(who), `not by ${who}: ${found[0]}`);
        tour.check(found[0]?.includes("127.0.0.1"), `the row has no address: ${found[0]}`);
    }
    const times = await page.locator("main tbody tr time").count();
    tour.check(times === texts.length, `${times} of ${texts.length} rows have a time`);
    await tour.look("the audit log of an event");

    tour.step("filtering it");
    const search = page.locator("form[role=search]");
    await search.locator("[name=action]").fill("grant");
    await press(page, search.locator("button"));
    const found = (await rows.allInnerTexts()).join();
    tour.check(found.includes("grant.revoke"), `the filter shows ${found}`);
    tour.check(!found.includes("invitation."), `the filter shows ${found}`);

    tour.step("the log as a file");
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.locator("a[href*='audit.csv']").click(),
    ]);
    const lines = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
    tour.check(/\.csv$/.test(download.suggestedFilename()), `it is ${download.suggestedFilename()}`);
    tour.check(lines.length === 2 && lines[1].includes("grant.revoke"), `the file has ${lines}`);

    tour.step("a filter that finds nothing");
    await search.locator("[name=action]").fill("nothing.like.it");
    await press(page, search.locator("button"));
    await page.locator(".empty").waitFor();
    await tour.look("an audit log without rows");
}
