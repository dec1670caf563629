// A visitor finds a class, applies and sees the place in line. An organiser makes a class with review by
// the form, decides about several applications at once, and a place that becomes free is offered.

import { asOrganiser } from "../lib/organiser.mjs";
import { press, register, send, signIn } from "../lib/people.mjs";

export const matrix = "two";

export default async function (tour) {
    const { page, things } = tour;
    const organiser = await asOrganiser(tour);
    const mark = crypto.randomUUID().slice(0, 8);
    const day = (days) => new Date(Date.now() + days * 86_400_000);

    tour.step("finding a class");
    const title = `<b>도예</b> & Pottery ${mark}`;
    const pottery = await organiser.post("/api/mclasses", {
        title,
        location: "Studio 3",
        description: `One\n두 줄 ${"long".repeat(60)}`,
        capacity: 1,
        allowWaitlist: true,
        waitlistCapacity: 5,
        selectionType: "FIRST_COME",
        startAt: day(3).toISOString(),
        endAt: day(4).toISOString(),
    });
    await organiser.post(`/api/mclasses/${pottery.id}/enrollment-form`, {
        title: "About you",
        questions: [
            { id: "why", type: "SHORT_TEXT", label: "Why? 왜?", required: true },
            { id: "tools", type: "CONSENT", label: "I bring tools", required: false },
        ],
    });
    await page.goto("/");
    await press(page, page.locator("header a[href='/classes']"));
    await page.locator("form[action='/classes'] [name=q]").fill(mark);
    await page.locator("form[action='/classes'] [name=recruiting]").check();
    await send(page, page.locator("form[action='/classes']"));
    tour.check((await page.locator(".card").count()) === 1, "the search does not find the one class");
    await tour.look("the classes that were found");
    await press(page, page.locator(".card a"));
    await page.waitForURL(/\/classes\/[0-9a-f-]{36}/);
    await tour.look("a class without a session");

    tour.step("signing up and applying");
    await press(page, page.locator("#apply a[href^='/register']"));
    await page.locator("[name=name]").fill("김하나");
    await page.locator("[name=email]").fill(`${mark}-one@example.com`);
    await page.locator("[name=password]").fill("correct horse battery");
    await send(page, page.locator("form[action='/register']"));
    await page.waitForURL(new RegExp(`/classes/${pottery.id}`));
    await tour.look("a class with its application");
    await page.locator("[name=answer-why]").fill("Clay");
    await send(page, page.locator("form[action*='/apply']"));
    await page.waitForURL(/\/enrollments\//);
    await page.locator("[data-status=APPROVED]").waitFor();
    await tour.look("a confirmed enrollment");

    tour.step("another person waits in line");
    const other = await (await tour.another()).newPage();
    await register({ page: other, cell: tour.cell }, "이두리");
    await other.goto(`/classes/${pottery.id}`);
    const form = other.locator("form[action*='/apply']");
    await form.evaluate((element) => (element.noValidate = true));
    tour.allow(/POST \/classes\/[0-9a-f-]+\/apply: 422/);
    await send(other, form);
    await other.getByRole("alert").waitFor();
    await tour.look("an application without an answer", { page: other });
    await other.locator("[name=answer-why]").fill("Fire");
    await send(other, other.locator("form[action*='/apply']"));
    await other.waitForURL(/\/enrollments\//);
    const line = other.locator(".waiting h3");
    tour.check(/1.*1/.test(await line.innerText()), "the first in line has no number");
    await tour.look("a place in line", { page: other });
    await page.goto("/enrollments");
    await tour.look("my enrollments");
    await press(page, page.locator(".card a"));
    await press(page, page.locator("a[href$='/cancel']"));
    await tour.look("the question before a cancellation");
    await send(page, page.locator("form[action$='/cancel']"));
    await page.locator("[data-status=CANCELED]").waitFor();
    await other.reload();
    await other.locator("[data-status=APPROVED]").waitFor();

    tour.step("the organiser makes a class with review");
    const office = await (await tour.another()).newPage();
    await signIn({ page: office }, things.admin);
    await office.goto("/organiser");
    await press(office, office.locator("main a[href='/organiser/classes']"));
    await tour.look("the classes of the organiser", { page: office });
    await press(office, office.locator("a[href='/organiser/classes/new']").first());
    await tour.look("the form of a class", { page: office });
    const made = office.locator("form[action='/organiser/classes/new']");
    const local = (days) => day(days).toISOString().slice(0, 16);
    await made.locator("[name=title]").fill(`Weaving ${mark}`);
    await made.locator("[name=starts]").fill(local(9));
    await made.locator("[name=ends]").fill(local(8));
    await made.locator("[name=capacity]").fill("1");
    await made.locator("[name=waitlist]").fill("5");
    await made.locator("[name=selection]").selectOption("REVIEW");
    await made.locator("[name=promotion]").selectOption("OFFER");
    tour.allow(/POST \/organiser\/classes\/new: 422/);
    await send(office, made);
    await office.locator("#field-ends-error").waitFor();
    await tour.look("a refused class", { page: office });
    await made.locator("[name=ends]").fill(local(10));
    await send(office, made);
    await office.waitForURL(/\/organiser\/classes\/[0-9a-f-]{36}/);
    const desk = new URL(office.url()).pathname;
    const weaving = desk.split("/").pop();

    tour.step("three apply");
    const third = await (await tour.another()).newPage();
    await register({ page: third, cell: tour.cell }, "박세찌");
    const mine = [];
    for (const one of [page, other, third]) {
        await one.goto(`/classes/${weaving}`);
        await send(one, one.locator("form[action*='/apply']"));
        await one.waitForURL(/\/enrollments\//);
        await one.locator("[data-status=APPLIED]").waitFor();
        mine.push(new URL(one.url()).pathname);
    }
    await tour.look("an application that waits for a decision");

    tour.step("deciding about two at once, and rejecting one");
    await office.goto(desk);
    await tour.look("the desk of a class", { page: office });
    for (const path of mine.slice(0, 2)) await pick(office, path);
    await press(office, office.locator("button[value=approve-or-waitlist]"));
    tour.check((await office.locator("main [data-status=APPROVED]").count()) === 1, "not one is confirmed");
    tour.check((await office.locator("main [data-status=WAITLISTED]").count()) === 1, "not one is in line");
    await tour.look("what became of the decisions", { page: office });
    await office.goto(desk);
    await pick(office, mine[2]);
    await office.locator("#decide [name=reason]").fill("<i>미안합니다</i> full");
    await press(office, office.locator("button[value=reject]"));
    await third.reload();
    await third.locator("[data-status=REJECTED]").waitFor();
    tour.check((await third.locator("main").innerText()).includes("<i>미안합니다</i> full"), "the reason is not said");
    await tour.look("a rejected application", { page: third });
    await office.goto(`/organiser${mine[1]}`);
    await tour.look("an application at the desk", { page: office });

    tour.step("finding a person at the desk, and the files");
    await office.goto(desk);
    const search = office.locator("form[role=search]");
    await search.locator("[name=q]").fill("세찌");
    await search.locator("[name=status]").selectOption("REJECTED");
    await send(office, search);
    const rows = office.locator("main tbody tr");
    tour.check((await rows.count()) === 1, "the search does not find the one person");
    tour.check((await rows.first().innerText()).includes("박세찌"), "the search finds another person");
    await tour.look("a person who was found at the desk", { page: office });
    for (const file of ["enrollments.csv", "enrollments.xlsx", "waitlist.csv"]) {
        const link = office.locator(`a[href='${desk}/${file}']`);
        const [download] = await Promise.all([office.waitForEvent("download"), link.click()]);
        const kind = file.split(".").pop();
        tour.check(download.suggestedFilename().endsWith(`${weaving}.${kind}`), `${file} has another name`);
        tour.check((await download.failure()) === null, `${file} is not whole`);
    }

    tour.step("attendance of one with a place and of one in line");
    const tea = await organiser.post("/api/mclasses", {
        title: `Tea ${mark}`,
        location: "Studio 3",
        capacity: 1,
        allowWaitlist: true,
        waitlistCapacity: 5,
        selectionType: "FIRST_COME",
        startAt: day(0.5).toISOString(),
        endAt: day(0.6).toISOString(),
    });
    for (const one of [page, third]) {
        await one.goto(`/classes/${tea.id}`);
        await send(one, one.locator("form[action*='/apply']"));
        await one.waitForURL(/\/enrollments\//);
    }
    await office.goto(`/organiser/classes/${tea.id}`);
    for (const box of await office.locator("input[name=pick]").all()) await box.check();
    await press(office, office.locator("button[value=present]"));
    const outcomes = office.locator("main tbody tr");
    tour.check((await outcomes.count()) === 2, "not both have an outcome");
    tour.check((await outcomes.locator("strong").count()) === 1, "not one of the two is refused");
    await tour.look("what became of the attendance", { page: office });

    tour.step("a place becomes free, is offered and taken");
    await page.goto(mine[0]);
    const isFirst = (await page.locator("[data-status=APPROVED]").count()) === 1;
    // Two who applied at the same moment are in either order.
    const [placed, next] = isFirst ? [page, other] : [other, page];
    const [ofPlaced, ofNext] = isFirst ? [mine[0], mine[1]] : [mine[1], mine[0]];
    await placed.goto(`${ofPlaced}/cancel`);
    await send(placed, placed.locator("form[action$='/cancel']"));
    await next.goto(ofNext);
    await next.locator(".offer").waitFor();
    await tour.look("an offered place", { page: next });
    await send(next, next.locator("form[action$='/accept']"));
    await next.locator("[data-status=APPROVED]").waitFor();

    tour.step("the log, and the end of the class");
    await office.goto(`${desk}/log`);
    await tour.look("the log of a class", { page: office });
    await office.goto(`${desk}/edit`);
    await tour.look("a class to change", { page: office });
    await office.goto(`${desk}/cancel`);
    await tour.look("the question before the end of a class", { page: office });
    await send(office, office.locator("form[action$='/cancel']"));
    await office.waitForURL(/\/organiser\/classes\?/);
    await next.goto(`/classes?q=${encodeURIComponent(`Weaving ${mark}`)}`);
    tour.check((await next.locator(".card").count()) === 0, "the class has ended and is still listed");
}

/** Ticks the enrollment with this address at the desk. */
async function pick(office, path) {
    await office.locator(`input[name=pick][value^='${path.split("/").pop()}']`).check();
}
