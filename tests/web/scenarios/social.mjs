// Signing in by a provider of identities on this machine, which shows a page of its own: back on the page
// that was asked for, and what an account's page says of the ways to sign in.

import { PASSWORD, press, send, signIn, signOut } from "../lib/people.mjs";

export const matrix = "others";

const LAST_WAY = { en: "the only way to sign in", ko: "마지막 방법" };

export default async function (tour) {
    const { page, things } = tour;
    const { language, width } = tour.cell;
    const person = `kim-${language}-${width}-${crypto.randomUUID().slice(0, 8)}`;
    const email = `${person}@example.com`;

    tour.step("a page that needs an account");
    await page.goto("/account/sessions");
    await tour.look("sign in with providers");
    await page.locator("a[href^='/sign-in/oidc']").click();
    tour.step("the page of the provider");
    await page.locator("[name=person]").fill(person);
    await page.locator("button").click();
    await page.waitForURL("**/account/sessions");
    tour.check((await page.locator("main li").count()) === 1, "there is not one session");

    tour.step("the account of a person with one way to sign in");
    await page.goto("/account");
    const identities = page.locator("form[action^='/account/identities/'][action$='/remove']");
    const text = await page.locator("main").innerText();
    tour.check(text.includes(email) && text.includes(things.provider), `the account shows ${text}`);
    tour.check((await identities.locator("button").count()) === 0, "the only way in can be unlinked");
    await tour.look("an account with one way to sign in");

    tour.step("linking another provider");
    await page.locator("form[action='/account/identities/google'] button").click();
    await page.waitForURL(/\/account\?notice=linked/);
    tour.check((await identities.locator("button").count()) === 2, "two ways cannot be unlinked");
    await tour.look("an account with two ways to sign in");

    tour.step("unlinking it while another tab is open");
    const tab = await tour.context.newPage();
    await tab.goto("/account");
    await send(page, identities.filter({ hasText: "Google" }));
    await page.waitForURL(/\/account\?notice=unlinked/);
    tour.step("unlinking the last way in that other tab");
    tour.allow(/POST \/account\/identities\/oidc\/remove: 409/);
    await send(tab, tab.locator("form[action='/account/identities/oidc/remove']"));
    const said = await tab.getByRole("alert").innerText();
    tour.check(said.includes(LAST_WAY[language]), `the refusal says: ${said}`);
    await tour.look("the last way cannot be unlinked", { page: tab });
    tour.step("opening the address that the refused form left behind");
    await tab.goto(new URL(tab.url()).pathname);
    tour.check(new URL(tab.url()).pathname === "/account", `it led to ${tab.url()}`);

    tour.step("a first password");
    await page.goto("/account");
    await page.locator("form[action='/account/first-password'] [name=password]").fill(PASSWORD);
    await send(page, page.locator("form[action='/account/first-password']"));
    tour.check(page.url().includes("/account?notice=new_password"), `it led to ${page.url()}`);
    await page.getByRole("status").waitFor();
    await tour.look("an account with a first password");
    await press(page, identities.locator("button"));
    await page.waitForURL(/\/account\?notice=unlinked/);
    await signOut(tour);
    await signIn(tour, { email });
    await page.goto("/account");
    tour.check((await page.locator("main").innerText()).includes(email), "the password opens no session");
    await signOut(tour);

    tour.step("the provider names an address that has an account");
    tour.allow(/GET \/sign-in\/oidc\/callback[^:]*: 409/);
    await page.goto("/sign-in");
    await page.locator("a[href^='/sign-in/oidc']").click();
    await page.getByRole("alert").waitFor();
    await tour.look("an address that has an account");
}
