// Bursts of people who apply for one class, in the manner of k6: 1 a second for 5 s, 12 in the same
// moment of each second for 12 s, 6 for 8 s. Everybody sends the application twice at once under one
// key, then again, then under another key: concurrency.mjs <address>
//
// Exits with 1 if one key had two answers, a second application was taken, a status is none that is
// documented, or the class is not full in the end.

import { call, makeClass, must, times } from "./api.mjs";

const PHASES = [
    { rate: 1, seconds: 5 },
    { rate: 12, seconds: 12 },
    { rate: 6, seconds: 8 },
];
const [PLACES, WAITLIST] = [100, 50];

const base = process.argv[2];
if (!base) {
    console.error("usage: concurrency.mjs <address>");
    process.exit(2);
}
const violations = [];
const latencies = [];
let [requests, errors] = [0, 0];
const outcomes = {};
const enrolled = new Map();

/** Applies, and waits for the other request with the same key where the server says so. */
async function apply(path, token, key) {
    for (;;) {
        requests += 1;
        let answer;
        try {
            answer = await call(base, "POST", path, { token, key, body: {} });
        } catch (error) {
            errors += 1;
            violations.push(`no answer under ${key}: ${error.message}`);
            return null;
        }
        latencies.push(answer.ms);
        const code = answer.body?.error?.code;
        if (code === "IDEMPOTENCY_KEY_IN_PROGRESS") {
            await new Promise((resolve) => setTimeout(resolve, 20));
            continue;
        }
        const word = code ?? answer.body?.data?.status;
        outcomes[`${answer.status} ${word}`] = (outcomes[`${answer.status} ${word}`] ?? 0) + 1;
        const valid =
            (answer.status === 201 && ["APPROVED", "WAITLISTED"].includes(word)) ||
            (answer.status === 409 && ["CLASS_FULL", "ALREADY_ENROLLED"].includes(word));
        if (!valid) {
            errors += 1;
            violations.push(`${answer.status} ${JSON.stringify(answer.body)} under ${key}`);
        }
        return { status: answer.status, word, id: answer.body?.data?.id };
    }
}

async function visit(path, token, number) {
    const key = `first-${number}`;
    const both = await Promise.all([apply(path, token, key), apply(path, token, key)]);
    const third = await apply(path, token, key);
    const same = (one) =>
        one && one.status === third?.status && one.word === third.word && one.id === third.id;
    if (!both.every(same)) {
        violations.push(`${key} was answered with ${JSON.stringify([...both, third])}`);
    }
    const other = await apply(path, token, `second-${number}`);
    const expected = third?.id ? "ALREADY_ENROLLED" : "CLASS_FULL";
    if (other?.word !== expected) {
        violations.push(`a second application is ${other?.word} and not ${expected}`);
    }
    if (third?.id) enrolled.set(third.id, third.word);
}

const people = PHASES.reduce((sum, { rate, seconds }) => sum + rate * seconds, 0);
console.log(`registering ${people} people`);
const tokens = [];
for (let number = 0; number < people; number += 1) {
    const email = `burst-${crypto.randomUUID()}@example.invalid`;
    const body = { email, password: "correct horse battery", name: "김민수" };
    tokens.push((await must(base, "POST", "/api/auth/register", { body })).accessToken);
}
const classId = await makeClass(base, PLACES, WAITLIST);
const path = `/api/mclasses/${classId}/enrollments`;
const visits = [];
for (const { rate, seconds } of PHASES) {
    for (let second = 0; second < seconds; second += 1) {
        for (let n = 0; n < rate; n += 1) {
            visits.push(visit(path, tokens[visits.length], visits.length));
        }
        await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
}
await Promise.all(visits);

const seen = await must(base, "GET", `/api/mclasses/${classId}`);
const count = (status) => [...enrolled.values()].filter((it) => it === status).length;
const counted = [seen.enrolledCount, seen.waitlistCount, count("APPROVED"), count("WAITLISTED")];
if (String(counted) !== String([PLACES, WAITLIST, PLACES, WAITLIST])) {
    violations.push(`places and waitlist, shown and answered: ${counted}`);
}
console.log(`applications: ${times(latencies)}`);
for (const [name, number] of Object.entries(outcomes)) console.log(`  ${name}: ${number}`);
console.log(`errors: ${errors} of ${requests} requests`);
for (const violation of violations.slice(0, 20)) console.log(`WRONG: ${violation}`);
console.log(violations.length === 0 ? "no violation" : `${violations.length} violations`);
process.exit(violations.length === 0 ? 0 : 1);
