// Where a network has sent too many sign-ins, the next one takes a moment longer and works; a lock says
// how long it lasts, and what helps.

import { register, signIn, signOut } from "../lib/people.mjs";

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
}
