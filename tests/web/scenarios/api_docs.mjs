// The page of the API's document, a vendored program: it loads, and shows every operation.

import assert from "node:assert/strict";

export const matrix = "others";

export default async function (tour) {
    const { page } = tour;
    tour.step("opening the API document");
    await page.goto("/api-docs/");
    // It draws all operations at once: seconds, and more on a busy machine.
    await page.locator("#operations-events-listEvents").waitFor({ timeout: 60_000 });
    const document = await (await page.request.get("/api-docs/openapi.json")).json();
    const operations = Object.values(document.paths).flatMap((methods) => Object.keys(methods));
    assert.equal(await page.locator(".opblock").count(), operations.length);
    await tour.picture("api document");
}
