// Fans write an article with comments, talk in a room, and write a setlist; a moderator looks at a report.

import { press, register, send, signIn } from "../lib/people.mjs";

export const matrix = "two";

export default async function (tour) {
    const { page, things } = tour;
    const mark = crypto.randomUUID().slice(0, 8);

    tour.step("an article");
    await register(tour, "이<b>지은</b>");
    await page.goto(`/events/${things.event}/fans`);
    await tour.look("the page for fans");
    await press(page, page.locator("form[action$='/like'] button"));
    tour.check((await page.locator("form[action$='/like'] button").getAttribute("value")) === "off", "the like is not kept");
    await page.goto(`/articles/new?concert=${things.event}`);
    const form = page.locator("form[action='/articles/new']");
    await form.locator("[name=title]").fill(`앙코르 <i>${mark}</i>`);
    await form.locator("[name=content]").fill(`# 첫 곡\n\n**정말** <script>x</script>\n\n${"long".repeat(80)}`);
    await form.locator("[name=tags]").fill(`#Encore, ${mark}`);
    await press(page, form.locator("button[value=preview]"));
    await tour.look("an article before it is kept");
    await press(page, form.locator("button[value=publish]"));
    const article = new URL(page.url()).pathname;
    tour.check((await page.locator("h1").first().innerText()) === `앙코르 <i>${mark}</i>`, "the title is not as written");
    for (const summary of await page.locator("main summary").all()) await summary.click();
    await tour.look("an article");
    await press(page, page.locator("button[value=like]"));
    const comment = page.locator("#write");
    await comment.locator("[name=text]").fill(`두 줄\n<b>${mark}</b>`);
    await send(page, comment);
    await page.locator(".comment", { hasText: `<b>${mark}</b>` }).waitFor();
    await tour.look("an article with a comment");
    await page.locator(".comment a[href*='/comments/']").click();
    await page.locator("#write [name=text]").fill("답글");
    await send(page, page.locator("#write"));
    await tour.look("a comment with a reply");
    await page.goto("/articles");
    await tour.look("articles");
    for (const path of ["/account/articles", "/account/bookmarks", "/account/likes"]) {
        await page.goto(path);
        await tour.look(path);
    }

    tour.step("a picture");
    await page.goto("/account/pictures");
    const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const upload = page.locator("form[enctype='multipart/form-data']");
    await upload.locator("[name=file]").setInputFiles({ name: "x.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
    tour.allow(/POST \/account\/pictures: 422/);
    await send(page, upload);
    await page.getByRole("alert").waitFor();
    await tour.look("a picture that was refused");
    await upload.locator("[name=file]").setInputFiles({ name: "x.png", mimeType: "image/png", buffer: Buffer.from(png, "base64") });
    await send(page, upload);
    await page.locator(".card img").waitFor();
    tour.check(await page.locator(".card img").evaluate((img) => img.complete && img.naturalWidth === 1), "the picture is not shown");
    await tour.look("one's pictures");

    await talk(tour, mark);

    tour.step("a setlist");
    await page.goto(`/events/${things.event}/setlist/edit`);
    await page.locator("[name=title-0]").fill("밤편지");
    await page.locator("[name=spotify-0]").fill("https://example.com/track/1");
    tour.allow(/POST \/events\/[0-9a-f-]+\/setlist\/edit: 422/);
    const songs = page.locator("form[action$='/setlist/edit']");
    await press(page, songs.locator("button[value=save]"));
    await page.getByRole("alert").waitFor();
    await tour.look("a setlist that was refused");
    await page.locator("[name=spotify-0]").fill("https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC");
    await press(page, songs.locator("button[value=save]"));
    await page.locator("ol.songs").waitFor();
    await tour.look("a setlist", { follow: false });

    tour.step("a report");
    const moderator = await tour.another();
    const desk = await moderator.newPage();
    await signIn({ page: desk }, things.admin);
    await desk.goto(article);
    await desk.locator("a[href^='/report']").first().click();
    await tour.look("a report to write", { page: desk });
    await send(desk, desk.locator("form[action='/report']"));
    await desk.goto("/organiser/moderation");
    const card = desk.locator(".card", { hasText: mark });
    await tour.look("the desk of moderators", { page: desk });
    await card.locator("[name=reason]").fill("광고");
    await press(desk, card.locator("button[value=hide]"));
    await page.goto(article);
    await page.locator(".warning", { hasText: "광고" }).waitFor();
    await tour.look("an article that is hidden, as its author sees it");
    await moderator.close();
}

/** Two people talk; one of them loses the connection for a while. */
async function talk(tour, mark) {
    const { page } = tour;
    tour.step("a room");
    await page.goto("/chat");
    await page.locator("[name=name]").fill(`방 ${mark}`);
    await send(page, page.locator("form[action='/chat#new']"));
    await page.waitForURL(/\/chat\/[0-9a-f-]{36}/);
    const room = page.url();
    const window = await tour.another();
    const other = await window.newPage();
    await register({ page: other, cell: tour.cell }, "Kim");
    await other.goto(room);
    await press(other, other.locator("button[value=join]"));
    for (const one of [page, other]) await one.locator("#presence", { hasText: "2" }).waitFor();
    await write(page, `안녕 <img src=x onerror=alert(1)> ${mark}`);
    await other.locator(".message", { hasText: "<img src=x" }).waitFor();
    await other.locator("[name=text]").pressSequentially("네");
    await page.locator("#typing", { hasText: "Kim" }).waitFor();
    await other.locator("#write [name=text]").press("Enter");
    await page.locator(".message", { hasText: "네" }).waitFor();
    await tour.look("a room in which people talk");

    tour.step("a lost connection");
    await window.setOffline(true);
    await write(page, "while you were away");
    await window.setOffline(false);
    const missed = other.locator(".message", { hasText: "while you were away" });
    await missed.waitFor();
    tour.check((await missed.count()) === 1, "a message came twice");
    await page.goto(`${room}/people`);
    for (const summary of await page.locator("main summary").all()) await summary.click();
    await tour.look("the people of a room");
    await page.goto("/chat");
    await tour.look("the rooms");
    await window.close();
}

async function write(page, text) {
    await page.locator("#write [name=text]").fill(text);
    await page.locator("#write button").click();
    await page.locator(".message", { hasText: text }).waitFor();
}
