// What every page must be: accessible by axe's rules, no wider than the window, in the right language.

import { AxeBuilder } from "./browser.mjs";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// No description of what passes, and style sheets are not fetched again: no rule of these reads them.
const OPTIONS = { resultTypes: ["violations"], preload: { assets: ["media"] } };

/** Returns what is wrong with the page as it is now. */
export async function faults(page, { language, exclude = [] }) {
    const found = await layout(page, language);
    // Our pages have no frames of other sites, for which axe would open a second page.
    const axe = new AxeBuilder({ page }).options(OPTIONS).withTags(RULES).setLegacyMode(true);
    exclude.forEach((part) => axe.exclude(part));
    const { violations } = await axe.analyze();
    for (const { id, impact, help, nodes } of violations) {
        const where = nodes.map((node) => `${node.target.join(" ")} ${short(node)}`);
        found.push(`accessibility (${id}, ${impact}): ${help}: ${where.slice(0, 4).join(" | ")}`);
    }
    return found;
}

/** Returns the addresses of the links to pages of this server. */
export function links(page) {
    return page.evaluate(() =>
        [...document.querySelectorAll("a[href]:not([href^='#'])")]
            .map((link) => new URL(link.href))
            .filter((url) => url.origin === location.origin)
            .map((url) => url.origin + url.pathname + url.search),
    );
}

async function layout(page, language) {
    const { lang, title, over, wide } = await page.evaluate(() => {
        const width = document.documentElement.clientWidth;
        const over = document.documentElement.scrollWidth - width;
        const sticksOut = (element) => element.getBoundingClientRect().right > width + 1;
        const wide = over > 0 ? [...document.body.querySelectorAll("*")].filter(sticksOut) : [];
        return {
            lang: document.documentElement.lang,
            title: document.title.trim(),
            over,
            wide: wide.slice(0, 3).map((element) => element.outerHTML.slice(0, 80)),
        };
    });
    const found = [];
    if (over > 0) found.push(`the page is ${over} px wider than the window: ${wide.join(" | ")}`);
    if (!title) found.push("the page has no title");
    if (language && lang !== language) found.push(`the page is in "${lang}", not "${language}"`);
    return found;
}

function short({ html, any }) {
    const why = any[0]?.message ? ` (${any[0].message})` : "";
    return html.replace(/\s+/g, " ").slice(0, 120) + why;
}
