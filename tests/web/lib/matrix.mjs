// The combinations in which a scenario runs.

const LANGUAGES = ["en", "ko"];
const WIDTHS = [360, 1280];
const THEMES = ["light", "dark"];

/**
 * Returns combinations of language, width and theme: "all" eight, or four "pairs" in which every two
 * values of different kinds meet, "two" that have every value once, two "others" that have too, or "one"
 * (a phone in Korean, dark). A scenario of many steps takes "two" or "others", so that over all
 * scenarios other values meet.
 */
export function combinations(kind = "all") {
    const all = LANGUAGES.flatMap((language) =>
        WIDTHS.flatMap((width) => THEMES.map((theme) => ({ language, width, theme }))),
    );
    switch (kind) {
        case "all":
            return all;
        case "pairs":
            return all.filter(({ language, width, theme }) => {
                const odd = [language === "ko", width === 1280, theme === "dark"].filter(Boolean);
                return odd.length % 2 === 0;
            });
        case "two":
            return [all[0], all[all.length - 1]];
        case "others":
            return all.filter(({ language, width, theme }) => {
                return (language === "ko") === (width === 360) && (width === 360) === (theme === "light");
            });
        case "one":
            return [{ language: "ko", width: 360, theme: "dark" }];
        default:
            throw new Error(`no such matrix: ${kind}`);
    }
}

/** Returns a combination as a reader of the report names it. */
export function label({ language, width, theme }) {
    return `${language}-${width}-${theme}`;
}

/** Returns the browser's settings for a combination. */
export function contextOptions({ language, width, theme }) {
    return {
        locale: language === "ko" ? "ko-KR" : "en-GB",
        // Far from the events' zones: a page that shows the browser's zone is wrong by hours.
        timezoneId: "America/New_York",
        viewport: { width, height: width < 600 ? 740 : 800 },
        hasTouch: width < 600,
        isMobile: width < 600,
        colorScheme: theme,
        // Pictures and contrasts are those of the final state.
        reducedMotion: "reduce",
    };
}
