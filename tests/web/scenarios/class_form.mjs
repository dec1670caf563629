// An organiser builds the form of a class with a question of each type, an order and a condition; an
// applicant answers it, once wrongly; the organiser reads the answers.

import { asOrganiser } from "../lib/organiser.mjs";
import { press, register, send, signIn } from "../lib/people.mjs";

export const matrix = "two";

/** The questions as they are added: the type, the question, and its limits. */
const QUESTIONS = [
    ["SHORT_TEXT", "<b>이름표</b> & badge", { maxLength: "20" }],
    ["LONG_TEXT", "왜 오나요? Why?", { minLength: "3" }],
    ["NUMBER", "How many years?", { min: "1", max: "60" }],
    ["SINGLE_CHOICE", "Your level?", { options: "None\nSome years" }],
    ["MULTIPLE_CHOICE", "요일 Days", { options: "월요일\n화요일\n수요일", minSelected: "1", maxSelected: "2" }],
    ["DATE", "First day", { minDate: "2030-01-01" }],
    ["PHONE", "Telephone", {}],
    ["CONSENT", "I bring tools", {}],
];

export default async function (tour) {
    const { page, things } = tour;
    const organiser = await asOrganiser(tour);
    const mark = crypto.randomUUID().slice(0, 8);
    const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString();
    const { id } = await organiser.post("/api/mclasses", {
        title: `도예 Pottery ${mark}`,
        location: "Studio 3",
        capacity: 5,
        selectionType: "REVIEW",
        startAt: day(9),
        endAt: day(10),
    });

    tour.step("an organiser adds a question of each type");
    await signIn(tour, things.admin);
    await page.goto(`/organiser/classes/${id}`);
    await press(page, page.locator(`a[href='/organiser/classes/${id}/form']`));
    await page.locator("[name=title]").fill("");
    for (const [index, [type, label, limits]] of QUESTIONS.entries()) {
        await page.locator("[name=new_type]").selectOption(type);
        await press(page, page.locator("button[value=add]"));
        await page.locator(`[name=question-${index}-label]`).fill(label);
        if (type !== "DATE") await page.locator(`[name=question-${index}-required]`).check();
        for (const [name, value] of Object.entries(limits)) {
            await page.locator(`[name=question-${index}-${name}]`).fill(value);
        }
    }

    tour.step("the level comes before the years, which are asked only with some");
    await press(page, page.locator("button[value=down-2]"));
    const years = page.locator("#question-3");
    tour.check(
        (await years.locator("[name=question-3-label]").inputValue()) === "How many years?",
        "the question did not move down",
    );
    await years.locator("summary").click();
    await years.locator("[name=question-3-showIf]").selectOption({ label: "Your level?" });
    await years.locator("[name=question-3-answer]").fill("Some years");
    await tour.look("a form that is being built");
    tour.allow(/POST \/organiser\/classes\/[0-9a-f-]+\/form: 422/);
    await press(page, page.locator("button[value=save]"));
    await page.locator("#field-title-error").waitFor();
    await tour.look("a form without a title");
    await page.locator("[name=title]").fill(`지원서 ${mark}`);
    await press(page, page.locator("button[value=preview]").last());
    await page.locator("#preview").waitFor();
    await tour.look("the preview of a form");
    await press(page, page.locator("button[value=save]"));
    await page.waitForURL(/\/form\?notice=saved/);
    const saved = page.locator("[name=question-3-showIf]");
    tour.check((await saved.inputValue()) === "q4", "the condition was not saved");

    tour.step("an applicant is asked what belongs to the answers");
    const person = await (await tour.another()).newPage();
    await register({ page: person, cell: tour.cell }, "김하나");
    await person.goto(`/classes/${id}`);
    const form = person.locator("form[action*='/apply']");
    const answer = (question) => form.locator(`[name=answer-${question}]`);
    const order = await form.locator("[data-question]").evaluateAll((all) => all.map((one) => one.dataset.question));
    tour.check(order.join() === "q1,q2,q4,q3,q5,q6,q7,q8", `the questions are in the order ${order}`);
    tour.check(!(await answer("q3").isVisible()), "the years are asked without a level");
    await form.locator("[name=answer-q4][value=None]").check();
    tour.check(!(await answer("q3").isVisible()), "the years are asked without any");
    await form.locator("[name=answer-q4][value='Some years']").check();
    await answer("q3").waitFor();
    await tour.look("the form of a class", { page: person });

    tour.step("answers that do not fit are named at their fields");
    await answer("q1").fill("하나 <i>1</i>");
    await answer("q2").fill("흙을 좋아해요\nClay");
    await answer("q3").fill("0");
    for (const value of ["월요일", "수요일"]) await form.locator(`[name=answer-q5][value=${value}]`).check();
    await answer("q7").fill("010-1234-5678");
    await answer("q8").check();
    await form.evaluate((element) => (element.noValidate = true));
    tour.allow(/POST \/classes\/[0-9a-f-]+\/apply: 422/);
    await send(person, form);
    await person.getByRole("alert").first().waitFor();
    await person.locator("#field-answer-q3-error").waitFor();
    tour.check((await form.locator(".field-error").count()) === 1, "not one answer is refused");
    tour.check((await answer("q2").inputValue()) === "흙을 좋아해요\nClay", "an answer was lost");
    tour.check(await form.locator("[name=answer-q5][value=수요일]").isChecked(), "a choice was lost");
    await tour.look("a refused answer", { page: person });
    await answer("q3").fill("7");
    await answer("q6").fill("2030-05-04");
    await send(person, form);
    await person.waitForURL(/\/enrollments\//);
    await person.locator("[data-status=APPLIED]").waitFor();

    tour.step("the organiser reads the answers");
    await page.goto(`/organiser/classes/${id}`);
    await press(page, page.locator("main tbody a[href^='/organiser/enrollments/']").first());
    const answers = await page.locator("main .facts-list").innerText();
    const given = ["하나 <i>1</i>", "흙을 좋아해요\nClay", "7", "Some years", "월요일, 수요일", "2030-05-04", "01012345678", "✓"];
    for (const [index, [, label]] of QUESTIONS.entries()) {
        tour.check(answers.includes(label), `the question ${label} is not shown`);
        tour.check(answers.includes(given[index]), `the answer ${given[index]} is not shown`);
    }
    await tour.look("the answers of an applicant");
    const csv = await (await page.context().request.get(`/organiser/classes/${id}/enrollments.csv`)).text();
    for (const [, label] of QUESTIONS) {
        tour.check(csv.includes(label), `the file has no column ${label}`);
    }
}
