// What people do on several pages: by the names of fields and the addresses of forms, which are the
// same in every language.

export const PASSWORD = "correct horse battery";

/** Sends a form and waits for the page that follows. */
export function send(page, form) {
    return press(page, form.locator("button").first());
}

/** Presses a button that sends a form, and waits for the page that follows. */
export async function press(page, button) {
    await Promise.all([page.waitForEvent("framenavigated"), button.click()]);
    await page.waitForLoadState();
}

/** Registers an account with an address of its own; returns the address. */
export async function register({ page, cell }, name = "김민수") {
    const { language, width, theme } = cell;
    const email = `${language}-${width}-${theme}-${crypto.randomUUID().slice(0, 8)}@example.com`;
    await page.goto("/register");
    await page.locator("[name=name]").fill(name);
    await page.locator("[name=email]").fill(email);
    await page.locator("[name=password]").fill(PASSWORD);
    await send(page, page.locator("form[action='/register']"));
    return email;
}

/** Signs in with e-mail and password. */
export async function signIn({ page }, { email, password = PASSWORD }) {
    await page.goto("/sign-in");
    await page.locator("[name=email]").fill(email);
    await page.locator("[name=password]").fill(password);
    await send(page, page.locator("form[action='/sign-in']"));
}

/** Signs out by the button of the account page. */
export async function signOut({ page }) {
    await page.goto("/account");
    await send(page, page.locator("form[action='/sign-out']"));
}
