// Runs one scenario of `scenarios/` in every combination that it asks for, and says in plain words
// what failed. It passes only if every combination ran to its end and nothing was reported.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { launch } from "./lib/browser.mjs";
import { combinations, contextOptions, label } from "./lib/matrix.mjs";
import { Report } from "./lib/report.mjs";
import { Tour } from "./lib/tour.mjs";

const [name, base, things = "{}"] = process.argv.slice(2);
if (!name || !base) {
    console.error("usage: tests/web/run <scenario> <address> [<things as JSON>]");
    process.exit(2);
}

const scenario = await import(`./scenarios/${name}.mjs`);
const directory = await mkdtemp(join(tmpdir(), "admitone-web-"));
const given = { name, base, directory, things: JSON.parse(things) };
const reports = [];
try {
    const started = await scenario.before?.(given);
    const browser = await launch(started?.chromium);
    try {
        for (const cell of combinations(scenario.matrix)) {
            reports.push(await runIn(browser, cell, started));
        }
    } finally {
        await browser.close();
        await started?.stop?.();
    }
} finally {
    await rm(directory, { recursive: true, force: true });
}

const failed = reports.filter((report) => report.lines.length > 0);
for (const report of failed) {
    console.log(`\n${name}, ${report.label}:`);
    report.lines.forEach((line) => console.log(`  - ${line}`));
}
const seconds = reports.map((report) => `${report.label} ${report.seconds.toFixed(1)} s`);
console.log(`\n${name}: ${reports.length} combinations, ${failed.length} failed (${seconds.join(", ")})`);
process.exitCode = failed.length > 0 || reports.length === 0 ? 1 : 0;

async function runIn(browser, cell, started) {
    const report = new Report(label(cell));
    const tour = await Tour.begin(browser, report, { ...given, ...started, cell }, {
        ...contextOptions(cell),
        ...scenario.context,
    });
    try {
        await scenario.default(tour);
    } catch (error) {
        await tour.stopped(error);
    }
    await tour.end();
    return report.finish();
}
