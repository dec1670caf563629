// The start page: events are found by name, place and month, and lead to their pages.

export const matrix = "pairs";

export default async function (tour) {
    const { page, things } = tour;
    tour.step("opening the start page");
    await page.goto("/");
    const cards = page.locator(".cards .card");
    await cards.first().waitFor();
    await tour.look("start page");
    const search = page.locator("form[role=search]");
    const find = async (text) => {
        await search.locator("[name=q]").fill(text);
        await search.locator("button").click();
        await page.waitForURL(/[?&]q=/);
    };
    tour.step("searching by place");
    await find(things.place);
    tour.check((await cards.count()) === 1, `${await cards.count()} events were found by place`);
    tour.step("searching by name");
    await find(things.name);
    await cards.first().getByText(things.name).waitFor();
    tour.step("searching for nothing that exists");
    await find("없는 공연 zzz");
    await page.locator(".empty").waitFor();
    await tour.look("nothing found");
    tour.step("choosing a month");
    await search.locator("[name=month]").selectOption({ index: 1 });
    await search.locator("[name=q]").fill("");
    await search.locator("button").click();
    await page.waitForURL(/month=\d/);
    tour.step("opening the event");
    await page.goto("/");
    await cards.getByRole("link", { name: things.name }).click();
    await page.waitForURL(new RegExp(`/events/${things.event}`));
    await tour.look("event page");
}
