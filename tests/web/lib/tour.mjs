// One run of a scenario in one combination: the page, and what a scenario can do and ask.

import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

import { faults, links } from "./look.mjs";
import { watch } from "./watch.mjs";

/** The longest time that anything may take on a busy machine. */
const PATIENCE_MS = 10_000;

export class Tour {
    #report;
    #pictures = 0;
    #followed = new Set();
    /** Where pages of a browser without scripts are looked at. */
    #scripted = null;

    /** Opens a window of its own, with no cookies. */
    static async begin(browser, report, given, options) {
        const tour = new Tour();
        tour.#report = report;
        // name, base, directory, things, cell and what the scenario's `before` returned.
        Object.assign(tour, given);
        tour.browser = browser;
        tour.options = { ...options, baseURL: given.base };
        tour.context = await tour.another();
        tour.page = await tour.context.newPage();
        return tour;
    }

    get language() {
        return this.cell.language;
    }

    /** Opens a further window: another person's, or the same person's other device. */
    async another(options = {}) {
        const context = await this.browser.newContext({ ...this.options, ...options });
        context.setDefaultTimeout(PATIENCE_MS);
        watch(context, this.#report, { ...this.options, ...options });
        return context;
    }

    /** Names what follows in the report. */
    step(text) {
        this.#report.step(text);
    }

    /** Allows (and expects) a problem that the scenario provokes, such as a refused request. */
    allow(pattern) {
        this.#report.allow(pattern);
    }

    /** Reports a problem and goes on. */
    problem(text) {
        this.#report.add(text);
    }

    /** Reports a problem unless this is true. */
    check(holds, otherwise) {
        if (!holds) this.problem(otherwise);
    }

    /**
     * Looks at the page as it is: reports what every page must not be, and keeps a picture.
     * `language: null` skips the language, `exclude` lists selectors of parts that are not ours,
     * `whole: false` takes a picture of the window only, `follow: false` follows no links,
     * `fromEnd: true` looks from the end of the page, where nothing lies below what stays in view.
     */
    async look(name, { page = this.page, language = this.language, exclude, whole, follow, fromEnd } = {}) {
        this.step(name);
        await this.picture(name, page, whole);
        const looked = this.options.javaScriptEnabled === false ? await this.#copy(page) : page;
        if (fromEnd) await looked.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
        for (const fault of await faults(looked, { language, exclude })) this.problem(fault);
        if (follow !== false) await this.#follow(await links(page), page.context().request);
        if (looked !== page) await looked.close();
    }

    /** Reports links that lead nowhere for the person who looks. */
    async #follow(links, request) {
        for (const link of links.filter((link) => !this.#followed.has(link))) {
            this.#followed.add(link);
            const answer = await request.get(link, { headers: { Accept: "text/html" } });
            const path = new URL(link).pathname;
            if (!answer.ok()) this.problem(`a link is dead: GET ${path}: ${answer.status()}`);
            await answer.dispose();
        }
    }

    /** Returns the page as it is, without its scripts, where axe can run: it needs scripts itself. */
    async #copy(page) {
        const url = page.url();
        const html = await page.content();
        const body = html.replace(/<script\b[^>]*src=[^>]*><\/script>/g, "");
        this.#scripted ??= await this.browser.newContext({ ...this.options, javaScriptEnabled: true });
        const copy = await this.#scripted.newPage();
        await copy.route(
            (wanted) => wanted.href === url,
            (route) => route.fulfill({ contentType: "text/html; charset=utf-8", body }),
        );
        await copy.goto(url);
        return copy;
    }

    async picture(name, page = this.page, whole = true) {
        const directory = process.env.ADMITONE_WEB_SHOTS;
        if (!directory) return;
        const { language, width, theme } = this.cell;
        this.#pictures += 1;
        const order = String(this.#pictures).padStart(2, "0");
        const file = `${this.name}-${language}-${width}-${theme}-${order}-${name.replace(/\W+/g, "-")}.png`;
        await page.screenshot({ path: join(directory, file), fullPage: whole });
    }

    /** Reports the error that ended the scenario, with what the page showed. */
    async stopped(error) {
        const plain = stripVTControlCharacters(String(error.message ?? error));
        const said = plain.split("\n").slice(0, 6).join(" / ");
        const text = await this.page.locator("body").innerText({ timeout: 1_000 }).catch(() => "");
        this.problem(`the scenario stopped: ${said}`);
        this.problem(`at ${this.page.url()}, which showed: ${text.replace(/\s+/g, " ").slice(0, 400)}`);
        await this.picture("stopped").catch(() => {});
    }

    /** Closes all windows. */
    async end() {
        for (const context of this.browser.contexts()) await context.close();
    }
}
