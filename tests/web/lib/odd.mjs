// Texts that a page must show as they are: markup, quotes, emoji, two directions of writing, and words
// that are too long for a line.

const MARKUP = "<script>ran=1</script><img src=x onerror=ran=2>";
const QUOTES = `"'>&lt;\${ran}`;
const SCRIPTS = "👨‍👩‍👧‍👦🎭مسرح שלום";

/**
 * Returns a text of so many characters, with all of these and a long word at its end. Fields of
 * a browser count more than the server: five of the characters are two to them.
 */
export function oddText(length) {
    const parts = length >= 90 ? [MARKUP, QUOTES, SCRIPTS] : ["<script>ran=1</script>", QUOTES];
    const text = parts.join(" ");
    return text + "W".repeat(Math.max(0, length - [...text].length));
}

/** Returns an address of 254 characters that is allowed, with what may stand in one. */
export function oddAddress() {
    const local = `o'neil&lt+\`{}|~$-${crypto.randomUUID()}`.padEnd(64, "w");
    const label = "d".repeat(60);
    return `${local}@${[label, label, label].join(".")}.ee`.slice(0, 254);
}

/**
 * Reports texts that a page does not show, boxes out of which a text sticks, and texts that became more
 * than text.
 */
export async function checkShown(tour, page, texts) {
    const said = await page.evaluate(() => {
        // Drawings scale, and the heads of tables that are cards are there for screen readers alone.
        const isShown = (element) => !element.closest("svg, thead");
        const isTooNarrow = (element) =>
            isShown(element) &&
            element.scrollWidth > element.clientWidth + 1 &&
            element.clientWidth > 0 &&
            getComputedStyle(element).overflowX === "visible";
        const narrow = [...document.querySelectorAll("body *")].filter(isTooNarrow);
        return {
            text: document.body.textContent,
            ran: globalThis.ran,
            elements: document.querySelectorAll("img[src=x], main script:not([type])").length,
            narrow: narrow.map((element) => element.cloneNode().outerHTML.slice(0, 80)),
        };
    });
    const where = new URL(page.url()).pathname;
    for (const text of texts) {
        tour.check(said.text.includes(text), `${where} does not show ${text.slice(0, 40)}…`);
    }
    tour.check(said.narrow.length === 0, `${where}: a text sticks out of ${said.narrow.join(" | ")}`);
    tour.check(said.ran === undefined, `${where} ran a name as a script`);
    tour.check(said.elements === 0, `${where} made an element of a name`);
}
