// Reads Artillery's report and says what was answered, how fast, and whether any answer is none that
// the API documents: check.mjs <report>. Exits with 1 on such an answer, or if too few or too many
// people got a place.

import { readFileSync } from "node:fs";

/** What 500 people are answered who want 200 places and 100 of the waitlist. */
const EXPECTED = {
    "register.201.ok": 500,
    "log in.200.ok": 500,
    "apply.201.APPROVED": 200,
    "apply.201.WAITLISTED": 100,
    "apply.409.CLASS_FULL": 200,
};

const { counters, summaries } = JSON.parse(readFileSync(process.argv[2], "utf8")).aggregate;
const outcomes = {};
for (const [name, count] of Object.entries(counters)) {
    if (name.startsWith("outcome.")) outcomes[name.slice("outcome.".length)] = count;
    if (name.startsWith("errors.")) outcomes[name] = count;
}
const ms = (value) => `${value.toFixed(1)} ms`;
const line = (name, it) =>
    console.log(`${name}: p50 ${ms(it.p50)}, p95 ${ms(it.p95)}, p99 ${ms(it.p99)}, max ${ms(it.max)}`);
line("all requests", summaries["http.response_time"]);
for (const step of ["register", "log in", "apply"]) {
    line(step, summaries[`plugins.metrics-by-endpoint.response_time.${step}`]);
}
for (const [name, count] of Object.entries(outcomes)) console.log(`  ${name}: ${count}`);
const failed = counters["vusers.failed"] ?? 0;
console.log(`people who did not get to the end: ${failed}`);

let wrong = failed;
for (const name of new Set([...Object.keys(EXPECTED), ...Object.keys(outcomes)])) {
    if ((outcomes[name] ?? 0) !== (EXPECTED[name] ?? 0)) {
        console.log(`WRONG: ${name}: ${outcomes[name] ?? 0}, and not ${EXPECTED[name] ?? 0}`);
        wrong += 1;
    }
}
process.exit(wrong > 0 ? 1 : 0);
