// How applying depends on how many have applied: growth.mjs <address> [<enrollments>]
//
// Four classes: with 100 and with 100,000 enrollments, which all have a place, and the same where one
// has a place and all others wait, since the answer then says the place in line. Fills them in a
// closed loop, then applies one at a time to each in turn, so that all meet the same machine. Then reads
// what the administrators of the large ones read (desk.mjs). Signs the tokens of its people itself, with ADMITONE_JWT_SECRET: 200,000 passwords would take an hour.

import { createHmac, randomUUID } from "node:crypto";
import { Agent, request } from "node:http";

import { makeClass, quantile, times } from "./api.mjs";
import { desk } from "./desk.mjs";

const CLIENTS = 64;
const ROUNDS = 500;
const [base, most = "100000"] = process.argv.slice(2);
const secret = process.env.ADMITONE_JWT_SECRET;
if (!base || !secret) {
    console.error("usage: ADMITONE_JWT_SECRET=… growth.mjs <address> [<enrollments>]");
    process.exit(2);
}
const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const head = encoded({ typ: "JWT", alg: "HS256" });

/** An access token of a person who exists nowhere else. */
function token() {
    const now = Math.floor(Date.now() / 1_000);
    const claims = { sub: randomUUID(), role: "USER", iss: "admitone", aud: "admitone-api", iat: now, exp: now + 3_600, ver: 0 };
    const signed = `${head}.${encoded(claims)}`;
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** Applies; resolves to the time in ms. */
function apply(classId) {
    const headers = {
        Authorization: `Bearer ${token()}`,
        "Idempotency-Key": randomUUID(),
        "Content-Type": "application/json",
        "Content-Length": 2,
    };
    const url = `${base}/api/mclasses/${classId}/enrollments`;
    return new Promise((resolve, reject) => {
        const began = performance.now();
        const sent = request(url, { method: "POST", agent, headers }, (answer) => {
            let text = "";
            answer.on("data", (piece) => (text += piece));
            answer.on("end", () => {
                const ms = performance.now() - began;
                if (answer.statusCode === 201) resolve(ms);
                else reject(new Error(`${answer.statusCode} ${text}`));
            });
        });
        sent.on("error", reject);
        sent.end("{}");
    });
}

/** Fills a class in a closed loop. */
async function fill(classId, count) {
    let left = count;
    const client = async () => {
        while (left > 0) {
            left -= 1;
            await apply(classId);
        }
    };
    const began = performance.now();
    await Promise.all(Array.from({ length: CLIENTS }, client));
    const seconds = (performance.now() - began) / 1_000;
    return `${count} in ${seconds.toFixed(1)} s, ${Math.round(count / seconds)} /s`;
}

const many = Number(most);
const classes = [
    ["places", 100, 100 + ROUNDS, 1],
    ["places", many, many + ROUNDS, 1],
    ["in line", 100, 1, 100 + ROUNDS],
    ["in line", many - ROUNDS, 1, many],
];
for (const one of classes) {
    const [kind, count, places, waitlist] = one;
    one.id = await makeClass(base, places, waitlist);
    console.log(`${kind}, ${await fill(one.id, count)} with ${CLIENTS} clients`);
    one.latencies = [];
}
for (let round = 0; round < ROUNDS; round += 1) {
    for (const one of classes) one.latencies.push(await apply(one.id));
}
for (const [small, large] of [classes.slice(0, 2), classes.slice(2)]) {
    for (const { 0: kind, 1: count, latencies } of [small, large]) {
        console.log(`one more, ${kind}, after ${count}: ${times(latencies)}`);
    }
    const ratios = [0.5, 0.95].map((share) => {
        const ratio = quantile(large.latencies, share) / quantile(small.latencies, share);
        return ratio.toFixed(2);
    });
    console.log(`after many ÷ after few: p50 ${ratios[0]}, p95 ${ratios[1]}`);
}
agent.destroy();
for (const { 0: kind, 1: count, id } of [classes[1], classes[3]]) {
    console.log(`the desk of ${count} applications (${kind}):`);
    await desk(base, id);
}
