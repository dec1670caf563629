// Pages that refuse: addresses that do not exist, pages of an account, orders and tickets of others,
// and texts that are no texts of the server.

import { register } from "../lib/people.mjs";

export const matrix = "others";

const NOBODYS = "00000000-0000-7000-8000-000000000000";

export default async function (tour) {
    const { page } = tour;
    const refused = async (path, status) => {
        tour.step(`opening ${path}`);
        tour.allow(new RegExp(`GET ${path.replace(/[?]/g, "\\?")}: ${status}`));
        const answer = await page.goto(path);
        tour.check(answer.status() === status, `${path} is answered by ${answer.status()}`);
        const type = answer.headers()["content-type"] ?? "";
        tour.check(type.startsWith("text/html"), `${path} is answered by ${type}`);
        await page.locator("h1").waitFor();
    };
    await refused("/no/such/page", 404);
    await tour.look("no such page");
    await refused(`/events/${NOBODYS}`, 404);
    await refused("/events/not-an-id", 404);
    tour.step("opening pages of an account without one");
    for (const path of ["/account", "/orders", "/tickets"]) {
        await page.goto(path);
        const back = new URL(page.url()).searchParams.get("back");
        tour.check(back === path, `${path} leads to ${page.url()}`);
    }
    await register(tour);
    await refused(`/orders/${NOBODYS}`, 404);
    await refused(`/tickets/${NOBODYS}`, 404);
    await tour.look("no such ticket");
    tour.step("opening a page with a notice of somebody else");
    await page.goto("/?notice=<script>alert(1)</script>&q=\"><script>alert(2)</script>");
    tour.check((await page.locator("script:not([src]):not([type])").count()) === 0, "a script came in");
    tour.step("leaving the site by the sign-in form");
    await page.goto("/sign-in?back=//example.com/");
    const back = await page.locator("form[action='/sign-in'] [name=back]").getAttribute("value");
    tour.check(back.startsWith("/") && !back.startsWith("//"), `signing in would lead to ${back}`);
}
