// An organiser makes a webhook to a receiver of this scenario, tries it, and reads its log.

import { createServer } from "node:http";
import { once } from "node:events";

import { press, signIn } from "../lib/people.mjs";

export const matrix = "others";

export default async function (tour) {
    const { page, things } = tour;
    const receiver = createServer((request, response) => response.end("thank you"));
    receiver.listen(0, "127.0.0.1");
    await once(receiver, "listening");
    try {
        await signIn(tour, things.admin);
        tour.step("a webhook that is refused");
        tour.allow(/POST \/organiser\/webhooks: 4\d\d/);
        await page.goto("/organiser/webhooks");
        const form = page.locator("form[action^='/organiser/webhooks#new']");
        const url = `http://127.0.0.1:${receiver.address().port}/hooks`;
        await form.locator("[name=url]").fill(url);
        await form.locator("[name=types]").fill("everything");
        await press(page, form.locator("button"));
        await page.getByRole("alert").waitFor();
        await tour.look("a refused webhook");

        tour.step("a webhook and its secret");
        await form.locator("[name=types]").fill("reservation.*\npayment.completed");
        await press(page, form.locator("button"));
        const secret = page.locator("code", { hasText: /^whsec_/ });
        await secret.waitFor();
        await tour.look("the secret");
        await page.locator("main a.button").click();
        await page.waitForURL(/\/organiser\/webhooks\/[0-9a-f-]{36}/);
        await tour.look("a webhook");

        tour.step("a test message");
        await press(page, page.locator("form[action$='/ping'] button"));
        await page.getByText("thank you").waitFor();
        await tour.look("a test message");

        tour.step("the log");
        await page.goto(`/organiser/webhooks/${things.webhook}`);
        await page.getByText("it answered 500").first().waitFor();
        for (const summary of await page.locator("#log ~ * summary").all()) await summary.click();
        await tour.look("the log");
    } finally {
        receiver.close();
    }
}
