// Of the big list of naughty strings, a public corpus, the 200 and more that try to run a script, written
// into every field of what fans write: each page shows them as text, and nothing of them runs. A script that
// was let through would open a dialog, fail, or break the content security policy, which `watch` reports.

import { createRequire } from "node:module";

import { signIn } from "../lib/people.mjs";

export const matrix = "one";

/** Strings that one text of at most 50,000 characters takes. */
const MOST_TEXT = 45_000;

export default async function (tour) {
    const { page, things, base } = tour;
    const corpus = strings();
    tour.check(corpus.length > 220, `the corpus has only ${corpus.length} strings`);
    page.on("dialog", (dialog) => {
        tour.problem(`a script ran: ${dialog.message()}`);
        dialog.dismiss();
    });

    tour.step("writing them");
    const api = caller(base, things.token);
    const written = await write(api, corpus, things.event);
    for (const [what, count] of Object.entries(written.counts)) {
        tour.check(count > 150, `only ${count} strings were taken as ${what}`);
    }

    tour.step("reading them");
    await signIn(tour, things.admin);
    const listed = await walk(tour, "/articles");
    tour.check(listed > 5, `the list of articles has ${listed} pages`);
    await walk(tour, `/articles/${written.article}`);
    for (const thread of written.threads) await page.goto(thread);
    await walk(tour, `/chat/${written.room}`, "a[href*='before=']");
    await walk(tour, "/chat");
    for (let version = 1; version <= written.versions; version += 1) {
        await page.goto(`/events/${things.event}/setlist?version=${version}`);
    }
    await page.goto(`/events/${things.event}/setlist/edit`);
    await page.goto(`/events/${things.event}/fans`);
    await page.goto(`/organiser/events/${things.event}/concert`);
    await walk(tour, "/organiser/moderation");
    for (const path of ["/feeds/articles.atom", "/feeds/articles.rss"]) {
        const feed = await page.request.get(path);
        const isWell = await page.evaluate((text) => {
            const parsed = new DOMParser().parseFromString(text, "application/xml");
            return parsed.querySelector("parsererror") === null;
        }, await feed.text());
        tour.check(isWell, `${path} is not well-formed`);
    }
}

function strings() {
    const require = createRequire(process.env.ADMITONE_WEB_PACKAGES);
    return require("big-list-of-naughty-strings/blns.json").filter((text) => /[<>&"'`]|script|alert/i.test(text));
}

/** Looks at a list to its end; what would run has run by then. Returns the number of its pages. */
async function walk(tour, path, next = ".more a") {
    const { page } = tour;
    await page.goto(path);
    for (let pages = 1; ; pages += 1) {
        tour.check((await page.locator("main script, main iframe, main object, main [onerror]").count()) === 0, `${path} has what runs`);
        const link = page.locator(`main ${next}`).first();
        if ((await link.count()) === 0 || pages > 60) return pages;
        await page.goto(new URL(await link.getAttribute("href"), page.url()).href);
    }
}

function caller(base, token) {
    return async (method, path, body) => {
        const answer = await fetch(new URL(path, base), {
            method,
            headers: {
                Authorization: `Bearer ${token}`,
                "Content-Type": "application/json",
                "Idempotency-Key": crypto.randomUUID(),
            },
            body: JSON.stringify(body),
        });
        const { data } = await answer.json();
        // Characters that turn the direction of writing, and the like, are refused.
        if (!answer.ok && answer.status !== 422) throw new Error(`${method} ${path}: ${answer.status}`);
        return answer.ok ? data : null;
    };
}

async function write(api, corpus, event) {
    const counts = { titles: 0, comments: 0, messages: 0, songs: 0, reports: 0 };
    const post = async (what, path, body) => {
        const data = await api("POST", path, body);
        if (data) counts[what] += 1;
        return data;
    };
    const category = "TALK";
    for (const title of corpus) {
        await post("titles", "/api/articles", { title, content: title, category, isPublished: true });
    }
    const content = corpus.join("\n\n").slice(0, MOST_TEXT);
    const clean = content.replace(/[\p{Cc}\p{Cf}]/gu, (c) => (c === "\n" ? c : ""));
    const all = await api("POST", "/api/articles", { title: "all", content: clean, category, isPublished: true, concertId: event });
    if (!all) throw new Error("the article with all of them was refused");
    const threads = [];
    for (const text of corpus) {
        const comment = await post("comments", `/api/articles/${all.id}/comments`, { text });
        if (comment && threads.length < 3) {
            await api("POST", `/api/articles/${all.id}/comments`, { text, parentId: comment.id });
            threads.push(`/articles/${all.id}/comments/${comment.id}`);
        }
        if (comment) await post("reports", "/api/reports", { kind: "COMMENT", id: comment.id, reason: "OTHER", note: text });
    }
    const room = await api("POST", "/api/chat/rooms", { name: "naughty" });
    for (const content of corpus) await post("messages", `/api/chat/rooms/${room.id}/messages`, { content });
    for (const name of corpus.slice(0, 60)) await api("POST", "/api/chat/rooms", { name, description: name });
    const versions = await setlists(api, corpus, event, counts);
    await concert(api, corpus, event);
    return { counts, article: all.id, threads, room: room.id, versions };
}

/** A setlist for every 100 songs, each a version. */
async function setlists(api, corpus, event, counts) {
    const good = [];
    for (const title of corpus) {
        // What an artist may be named, a song may be too: each is tried alone.
        if (!/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(title) && title.trim().length <= 200) good.push(title.trim());
    }
    let version = 0;
    for (let from = 0; from < good.length; from += 50) {
        const songs = good.slice(from, from + 50).map((title) => ({ title, artist: title, note: title }));
        const taken = await api("PUT", `/api/events/${event}/setlist`, { version, songs });
        if (!taken) continue;
        version = taken.version;
        counts.songs += songs.length;
    }
    return version;
}

/** Names that are taken for artists stand on the event's page for fans, as many as it takes. */
async function concert(api, corpus, event) {
    const artistIds = [];
    for (const name of corpus.filter((text) => text.includes("<"))) {
        const artist = await api("POST", "/api/artists", { name, otherNames: [name], description: name });
        if (artist && artistIds.length < 20) artistIds.push(artist.id);
    }
    const series = await api("POST", "/api/series", { name: "<script>alert(1)</script>" });
    const links = [{ name: "<img src=x onerror=alert(1)>", url: "https://example.com/\"><script>alert(1)</script>" }];
    const said = { category: "CONCERT", artistIds, seriesId: series.id, ticketLinks: links };
    if (!(await api("PUT", `/api/events/${event}/concert`, said))) throw new Error("the concert was refused");
}
