// The devices on which a person is signed in: seen in a list, ended one by one, all at once, and by a new
// password. The next page of a device that was signed out leads to the sign-in.

import { PASSWORD, register, send, signIn } from "../lib/people.mjs";
import { tabTo } from "../lib/seats.mjs";

export const matrix = "others";

const PHONE =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
    "Version/18.5 Mobile/15E148 Safari/604.1";
const TABLET =
    "Mozilla/5.0 (Linux; Android 15; SM-X910) AppleWebKit/537.36 (KHTML, like Gecko) " +
    "Chrome/140.0.0.0 Safari/537.36";

export default async function (tour) {
    const { page } = tour;
    tour.step("a person with one device");
    const email = await register(tour);
    await page.goto("/account");
    await page.locator("main a[href='/account/sessions']").click();
    await page.waitForURL("**/account/sessions");
    await devices(tour, ["Chrome (Linux)"]);
    tour.check((await endOthers(page).count()) === 0, "other devices can be signed out, and there are none");
    await tour.look("one device");

    const phone = await device(tour, PHONE, { email });
    await page.reload();
    await devices(tour, ["Chrome (Linux)", "Safari (iPhone)"]);
    await tour.look("two devices");
    tour.step("signing the phone out");
    await send(page, row(page, "Safari (iPhone)").locator("form"));
    await page.getByRole("status").waitFor();
    await devices(tour, ["Chrome (Linux)"]);
    await isSignedOut(tour, phone, "the phone");
    await tour.look("the phone after it was signed out", { page: phone });

    tour.step("signing all others out, by keyboard");
    await signIn({ page: phone }, { email });
    const tablet = await device(tour, TABLET, { email });
    await page.goto("/account/sessions");
    await devices(tour, ["Chrome (Android)", "Chrome (Linux)", "Safari (iPhone)"]);
    await tabTo(page, "form[action$='/end-others'] button");
    await page.keyboard.press("Enter");
    await page.waitForURL(/notice=sessions_ended/);
    await devices(tour, ["Chrome (Linux)"]);
    await tour.look("all others are signed out");
    await isSignedOut(tour, phone, "the phone");
    await isSignedOut(tour, tablet, "the tablet");

    tour.step("a new password");
    await signIn({ page: phone }, { email });
    await page.goto("/account");
    const form = page.locator("form[action='/account/password']");
    await form.locator("[name=current]").fill(PASSWORD);
    await form.locator("[name=password]").fill(`${PASSWORD} 2`);
    await send(page, form);
    tour.check(page.url().includes("notice=new_password"), `the new password led to ${page.url()}`);
    await tour.look("after a new password");
    await isSignedOut(tour, phone, "the phone");
    await page.goto("/account/sessions");
    await devices(tour, ["Chrome (Linux)"]);

    tour.step("only the new password opens a session");
    tour.allow(/POST \/sign-in: 401/);
    await signIn({ page: phone }, { email });
    await phone.getByRole("alert").waitFor();
    await signIn({ page: phone }, { email, password: `${PASSWORD} 2` });
    await phone.goto("/account");
    tour.check((await phone.locator("main").innerText()).includes(email), "the phone is not signed in");
}

/** Signs in on another device. */
async function device(tour, userAgent, person) {
    tour.step(`signing in on another device: ${userAgent}`);
    const page = await (await tour.another({ userAgent })).newPage();
    await signIn({ page }, person);
    return page;
}

function row(page, name) {
    return page.locator("main li").filter({ hasText: name });
}

function endOthers(page) {
    return page.locator("form[action$='/end-others']");
}

/** Checks the names in the list, and that it marks the device that shows it, which has no button. */
async function devices(tour, expected) {
    const { page } = tour;
    const names = await page.locator("main li strong").allInnerTexts();
    tour.check(names.sort().join() === expected.join(), `the list names ${names}, not ${expected}`);
    const marked = page.locator("main li").filter({ has: page.locator(".badge") });
    const text = (await marked.allInnerTexts()).join();
    tour.check((await marked.count()) === 1 && text.includes("Chrome (Linux)"), `marked: ${text}`);
    tour.check((await marked.locator("button").count()) === 0, "the list offers to end this session");
}

async function isSignedOut(tour, page, name) {
    await page.goto("/account");
    tour.check(page.url().includes("/sign-in"), `${name} is still signed in`);
    tour.check((await page.locator("p.notice").count()) > 0, `${name} is not told that it was signed out`);
}
