// What administrators read of a class: pages of the list, the dashboard, and files for spreadsheets with
// the memory that the server takes meanwhile (from /proc, for the process SERVER_PID).

import { readFileSync } from "node:fs";

import { adminToken, call, times } from "./api.mjs";

const ROUNDS = 50;

/** The resident memory of the server in MiB, or null where it cannot be read. */
function memory() {
    try {
        const status = readFileSync(`/proc/${process.env.SERVER_PID}/status`, "utf8");
        return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1_024;
    } catch {
        return null;
    }
}

/** Asks ROUNDS times; says how long it took. */
async function timed(base, token, what, path) {
    const took = [];
    for (let round = 0; round < ROUNDS; round += 1) {
        const answer = await call(base, "GET", path, { token });
        if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
        took.push(answer.ms);
    }
    console.log(`  ${what}: ${times(took)}`);
}

/** Downloads a file; says its size, its time, and the memory before, at most and after. */
async function downloaded(base, token, path) {
    const before = memory();
    let most = before;
    let bytes = 0;
    const began = performance.now();
    const answer = await fetch(base + path, { headers: { Authorization: `Bearer ${token}` } });
    if (answer.status === 422) {
        console.log(`  ${path.split("/").pop()}: ${(await answer.json()).error.message}`);
        return;
    }
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`);
    for await (const piece of answer.body) {
        bytes += piece.length;
        most = Math.max(most, memory());
    }
    const seconds = (performance.now() - began) / 1_000;
    const size = `${(bytes / 1_048_576).toFixed(1)} MiB in ${seconds.toFixed(1)} s`;
    const kept = before === null ? "" : `, the server's memory ${before.toFixed(0)}, at most ${most.toFixed(0)} MiB`;
    console.log(`  ${path.split("/").pop()}: ${size}${kept}`);
}

export async function desk(base, classId) {
    const token = await adminToken(base);
    const list = `/api/admin/enrollments?mclassId=${classId}&limit=100`;
    await timed(base, token, "newest 100", `${list}&sort=-appliedAt`);
    await timed(base, token, "100 with a place", `${list}&status=APPROVED`);
    await timed(base, token, "100 in line", `${list}&sort=position`);
    await timed(base, token, "search that finds nothing", `${list}&search=${encodeURIComponent("없는 사람")}`);
    await timed(base, token, "dashboard of the class", `/api/admin/dashboard?mclassId=${classId}`);
    await timed(base, token, "dashboard of all classes", "/api/admin/dashboard");
    for (const file of ["enrollments.csv", "waitlist.csv", "enrollments.xlsx"]) {
        await downloaded(base, token, `/api/admin/mclasses/${classId}/${file}`);
    }
}
