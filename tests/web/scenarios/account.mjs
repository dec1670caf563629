// An account: made, changed, left and entered again; a wrong password; the other language.

import { PASSWORD, register, send, signIn, signOut } from "../lib/people.mjs";

export const matrix = "two";

export default async function (tour) {
    const { page, language } = tour;
    tour.step("opening the form for a new account");
    await page.goto("/register");
    await tour.look("register");
    const email = await register(tour, "<b>김 & Söhne</b>");
    tour.check(!page.url().includes("/register"), "the account was not made");
    tour.check((await page.getByRole("status").count()) > 0, "no word says that the account is made");

    tour.step("reading the account");
    await page.goto("/account");
    tour.check((await page.locator("[name=name]").inputValue()) === "<b>김 & Söhne</b>", "another name");
    await tour.look("account");
    await page.locator("[name=name]").fill("이지원 العربية");
    await send(page, page.locator("form[action='/account']"));
    tour.check((await page.locator("[name=name]").inputValue()) === "이지원 العربية", "the name stayed");
    tour.check((await page.locator("[role=status]").count()) > 0, "the change was not confirmed");

    tour.step("signing out");
    await signOut(tour);
    await page.goto("/account");
    tour.check(page.url().includes("/sign-in"), "the account can be read after signing out");
    await tour.look("sign in");

    tour.step("a wrong password");
    tour.allow(/POST \/sign-in: 401/);
    await signIn(tour, { email, password: "not the password" });
    await page.locator("[role=alert]").first().waitFor();
    tour.check((await page.locator("[name=email]").inputValue()) === email, "the address is forgotten");
    await tour.look("wrong password");

    tour.step("an address that has an account");
    tour.allow(/POST \/register: 409/);
    await page.goto("/register");
    await page.locator("[name=name]").fill("Twice");
    await page.locator("[name=email]").fill(email);
    await page.locator("[name=password]").fill(PASSWORD);
    await send(page, page.locator("form[action='/register']"));
    await page.locator("[role=alert]").first().waitFor();

    tour.step("signing in");
    await page.goto("/account");
    await page.locator("[name=email]").fill(email);
    await page.locator("[name=password]").fill(PASSWORD);
    await send(page, page.locator("form[action='/sign-in']"));
    tour.check(page.url().endsWith("/account"), `signing in led to ${page.url()}`);

    const other = language === "ko" ? "en" : "ko";
    tour.step(`changing the language to ${other}`);
    const form = page.locator("form[action='/language']");
    await send(page, form.filter({ has: page.locator(`button[value=${other}]`) }));
    tour.check(page.url().endsWith("/account"), `changing the language led to ${page.url()}`);
    await tour.look("account in the other language", { language: other });
    await page.goto("/");
    tour.check((await page.locator("html").getAttribute("lang")) === other, "the choice was forgotten");
}
