// Chromium and the packages, which `tests/web/run` installed below the directory of build results.

import { createRequire } from "node:module";

const packages = createRequire(process.env.ADMITONE_WEB_PACKAGES ?? import.meta.url);
const { chromium } = packages("playwright-core");
const { AxeBuilder } = packages("@axe-core/playwright");

export { AxeBuilder };

/** Starts Chromium, with further arguments. */
export function launch(args = []) {
    return chromium.launch({
        executablePath: process.env.ADMITONE_WEB_CHROMIUM,
        // The sandbox needs rights that a container does not give.
        args: ["--no-sandbox", "--disable-dev-shm-usage", ...args],
    });
}
