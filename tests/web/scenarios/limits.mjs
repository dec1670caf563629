// Where a network has sent too many sign-ins, the next one takes a moment longer and works; a lock says
// how long it lasts, and what helps.

import { createHash } from "node:crypto";

import { register, signIn, signOut } from "../lib/people.mjs";
import { toCheckout } from "../lib/purchase.mjs";

export const matrix = "one";

export default async function (tour) {
    const { page } = tour;
    const email = await register(tour);
    await signOut(tour);

    tour.step("signing in beyond the limit");
    const guess = { data: { token: "no" }, failOnStatusCode: false };
    let status = 0;
    while (status !== 429) {
        status = (await page.request.post("/api/auth/email/confirm", guess)).status();
    }
    let told = "";
    await page.route(/\/sign-in\?challengeAnswer=/, async (route) => {
        told = await page.locator("form [aria-live]").innerText();
        await route.continue();
    });
    await signIn(tour, { email });
    tour.check(told.includes("로봇"), `while the proof is sought, the page says: ${told}`);
    await page.goto("/account");
    tour.check((await page.locator("main").innerText()).includes(email), "the visitor is not signed in");
    await signOut(tour);

    tour.step("wrong passwords");
    tour.allow(/POST \/sign-in[^:]*: (401|429)/);
    for (let nth = 0; nth < 6; nth += 1) {
        await signIn(tour, { email, password: "a wrong guess" });
    }
    await tour.look("a login that is locked");
    const said = await page.getByRole("alert").innerText();
    tour.check(said.includes("30분"), `the lock does not say how long it lasts: ${said}`);
    await inACrowd(tour);
}

/** A guest of an address from which too many have come, and whose first proof is too easy when it arrives. */
async function inACrowd(tour) {
    tour.step("taking a place in a crowd behind one address");
    tour.allow(/POST \/session\/guest: 429/);
    const page = await (await tour.another()).newPage();
    const [tasks, proofs] = [[], []];
    await page.route(/\/api\/challenge\?class=guest$/, async (route) => {
        const response = await route.fetch();
        tasks.push((await response.json()).data);
        await route.fulfill({ response });
    });
    await page.route(/\/session\/guest$/, async (route) => {
        proofs.push(route.request().headers()["x-challenge-answer"]);
        if (proofs.length > 2) return route.continue();
        const details = { class: "guest", challenge: "/api/challenge?class=guest" };
        const error = { code: "TOO_MANY_REQUESTS", message: "Too many requests.", details };
        return route.fulfill({ status: 429, json: { success: false, error } });
    });
    await toCheckout(page, tour.things.event);
    const [none, ...found] = proofs;
    tour.check(none === undefined, "there is a proof before one is asked for");
    tour.check(tasks.length === 2 && found.length === 2, `of ${tasks.length} tasks, ${found.length} were solved`);
    for (const [nth, { challenge, bits }] of tasks.entries()) {
        const proof = found[nth] ?? "";
        const head = createHash("sha256").update(proof).digest().readUInt32BE();
        const isSolved = proof.startsWith(`${challenge}.`) && Math.clz32(head) >= bits;
        tour.check(isSolved, `${proof} is no proof of ${bits} bits for ${challenge}`);
    }
}
