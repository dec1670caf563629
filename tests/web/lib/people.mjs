// What people do on several pages.

/** Signs in with e-mail and password. */
export async function signIn({ page }, { email, password }) {
    await page.goto("/sign-in");
    await page.locator("input[name=email]").fill(email);
    await page.locator("input[name=password]").fill(password);
    await Promise.all([
        page.waitForEvent("framenavigated"),
        page.locator('form[action="/sign-in"] button').click(),
    ]);
}
