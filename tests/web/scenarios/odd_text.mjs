// An event, a venue, products, sections, rows and an account whose names are markup, quotes, emoji, texts
// from right to left and words of up to 200 characters: every page shows them as text, in its width.

import { checkShown, oddAddress, oddText } from "../lib/odd.mjs";
import { asOrganiser } from "../lib/organiser.mjs";
import { PASSWORD, press, send, signIn } from "../lib/people.mjs";
import { forgetHeld, freeSeats, openMap, pressSeat, waitForLines } from "../lib/seats.mjs";

export const matrix = "one";

export default async function (tour) {
    const names = {
        event: oddText(200),
        venue: oddText(199),
        place: oddText(150),
        gold: oddText(100),
        standing: oddText(99),
        section: oddText(98),
        row: oddText(50),
        person: oddText(92),
        email: oddAddress(),
    };
    const organiser = await asOrganiser(tour);
    const { event, venue } = await make(organiser, names);
    const order = await buyersPages(tour, names, event);
    await organisersPages(tour, names, { event, venue, order });
}

/** Makes a venue with a plan and an event on it, in which one ticket type is sold out. */
async function make(organiser, names) {
    const { id } = await organiser.post("/api/admin/venues", {
        name: names.venue,
        place: names.place,
        timeZone: "Asia/Seoul",
    });
    const row = { y: 0, x: 0, seats: 8 };
    await organiser.post(`/api/admin/venues/${id}/plans`, {
        format: 1,
        name: names.venue,
        stage: { x: 4, y: -4, width: 8, height: 2, label: oddText(96) },
        labels: [{ x: 4, y: 4, text: oddText(95) }],
        zones: [{ name: names.gold }],
        sections: [
            {
                name: names.section,
                zone: names.gold,
                rows: [
                    { ...row, name: names.row },
                    { ...row, y: 1, name: "B" },
                ],
            },
        ],
    });
    const price = { amount: 90_000, currency: "KRW" };
    const event = await organiser.event({
        name: names.event,
        description: oddText(400),
        venue: undefined,
        seatMap: undefined,
        plan: { venueId: id },
        products: [
            { name: names.gold, description: oddText(300), price },
            { name: names.standing, price, totalStock: 1 },
        ],
    });
    const standing = event.products.find(({ name }) => name === names.standing);
    await organiser.post(`/api/admin/offerings/${event.id}/block`, { productId: standing.id, quantity: 1 });
    return { event: event.id, venue: id };
}

async function buyersPages(tour, names, event) {
    const { page } = tour;
    const shows = async (step, texts) => {
        await checkShown(tour, page, texts);
        await tour.look(step);
    };
    tour.step("an account");
    await page.goto("/register");
    await page.locator("[name=name]").fill(names.person);
    await page.locator("[name=email]").fill(names.email);
    await page.locator("[name=password]").fill(PASSWORD);
    await send(page, page.locator("form[action='/register']"));
    await page.goto("/account");
    const kept = await page.locator("[name=name]").inputValue();
    tour.check(kept === names.person, `the account's name is ${kept}`);
    await send(page, page.locator("form[action$='/account/charge']"));
    await shows("account", [names.email]);

    tour.step("the start page");
    await page.goto(`/?q=${encodeURIComponent(names.event.slice(0, 60))}`);
    await shows("found", [names.event, names.venue]);

    tour.step("the event");
    await openMap(page, event);
    const [seat, another] = await freeSeats(page);
    await pressSeat(tour, page, seat);
    await waitForLines(page, 1);
    await shows("event", [names.event, names.venue, names.gold, names.standing, names.section, names.row]);
    await send(page, page.locator("form[action$='/waitlist']"));
    await page.locator(".waiting").waitFor();
    await shows("on the waitlist", [names.standing]);
    await page.goto(`/events/${event}/seats?section=0`);
    await shows("list of seats", [names.section, names.row]);
    await page.goto("/basket");
    await shows("basket", [names.event, names.section]);

    tour.step("the order");
    await page.locator("a[href*='/checkout/']").first().click();
    await page.waitForURL(/\/checkout\//);
    await shows("checkout", [names.event, names.section, names.row]);
    await send(page, page.locator("form[action*='/checkout/']"));
    await page.waitForURL(/\/orders\//);
    const order = new URL(page.url()).pathname.split("/").pop();
    await shows("order to pay", [names.event, names.section]);
    await send(page, page.locator("form:has(input[name=method][value=wallet])"));
    await page.locator("[data-status=CONFIRMED]").waitFor();
    await shows("confirmation", [names.event, names.section]);
    await page.goto("/orders");
    await shows("orders", [names.event]);

    tour.step("the ticket");
    await page.goto("/tickets");
    await shows("tickets", [names.event, names.section, names.row]);
    await page.locator(".ticket a[href^='/tickets/']").first().click();
    await page.waitForURL(/\/tickets\/[^/]+$/);
    await shows("ticket", [names.event, names.section, names.row]);
    const pdf = await page.request.get(`/orders/${order}.pdf`);
    tour.check((await pdf.body()).subarray(0, 5).toString() === "%PDF-", "the PDF is none");

    tour.step("a seat that is held while the organiser looks");
    await openMap(page, event);
    await pressSeat(tour, page, another);
    await waitForLines(page, 1);
    const late = await (await tour.another()).newPage();
    await openMap(late, event);
    await forgetHeld(late, another);
    tour.allow(/POST \/api\/events\/.*\/holds: 409/);
    await pressSeat(tour, late, another);
    await late.locator(".basket-nearest").waitFor();
    await checkShown(tour, late, [names.section, names.row]);
    await tour.look("just taken", { page: late });
    return order;
}

async function organisersPages(tour, names, { event, venue, order }) {
    const { things } = tour;
    const page = await (await tour.another()).newPage();
    const shows = async (path, texts) => {
        tour.step(path);
        await page.goto(path);
        await checkShown(tour, page, texts);
        await tour.look(path, { page });
    };
    await signIn({ page }, things.admin);
    const at = (path) => `/organiser/events/${event}${path}`;
    const { person, email, section, row } = names;
    const search = encodeURIComponent(person.slice(0, 60));
    await shows(`/organiser?q=${encodeURIComponent(names.event.slice(0, 60))}`, [names.event]);
    await page.goto(at(""));
    await page.locator("#map[data-ready]").waitFor();
    await shows(at(""), [names.event, names.gold, names.standing, person, email, section, row]);
    await shows(at(`/orders?q=${search}`), [names.event, person, email, section]);
    await shows(at("/holds"), [names.event, person, email, section, row]);
    await shows(at("/waitlist"), [person, email, names.standing]);
    await shows(at("/edit"), [names.event]);
    await shows(at("/seats?section=0"), [names.event, section, row]);
    await shows(`/organiser/orders/${order}`, [names.event, person, email, section]);
    await shows(`/organiser/users?q=${search}`, [person, email]);
    await page.getByRole("link", { name: person }).click();
    await page.waitForURL(/\/organiser\/users\/.+/);
    await shows(new URL(page.url()).pathname, [person, email, names.event]);
    await shows("/organiser/venues", [names.venue, names.place]);
    await shows(`/organiser/venues/${venue}`, [names.venue, names.place]);

    tour.step("a new event on the venue's plan");
    await page.goto("/organiser/events/new");
    await page.locator("[name=plan]").selectOption(venue);
    await press(page, page.locator("button[name=do][value=take-plan]"));
    const taken = await page.locator("[name='product-0-name']").inputValue();
    tour.check(taken === names.gold, `the ticket type is ${taken}`);
    await checkShown(tour, page, [names.venue]);
    await tour.look("new event", { page });

    await shows("/door", [names.event]);
    await shows(`/door/${event}`, [names.event]);
    await page.locator("#door-q").fill(person.slice(0, 60));
    await page.locator("#door-found li").first().waitFor();
    await checkShown(tour, page, [person, section, row]);
    await tour.look("found at the door", { page });
}
