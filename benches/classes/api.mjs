// The calls that the scripts have in common. Needs Node 20 and no package.

/** Sends a request; resolves to status, body and the time it took in ms. */
export async function call(base, method, path, { token, key, body } = {}) {
    const headers = { Connection: "keep-alive" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (key) headers["Idempotency-Key"] = key;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const began = performance.now();
    const answer = await fetch(base + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
    });
    const text = await answer.text();
    const ms = performance.now() - began;
    let parsed = null;
    try {
        parsed = JSON.parse(text);
    } catch {
        // Judged by who asked.
    }
    return { status: answer.status, body: parsed, ms };
}

/** The same for a request that must succeed; resolves to `data`. */
export async function must(base, method, path, options) {
    const answer = await call(base, method, path, options);
    if (answer.status >= 300) {
        throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body.data;
}

/** Logs the administrator in; resolves to the access token. */
export async function adminToken(base) {
    const email = process.env.ADMITONE_ADMIN_EMAIL ?? "admin@admitone.local";
    const password = process.env.ADMITONE_ADMIN_PASSWORD;
    return (await must(base, "POST", "/api/auth/login", { body: { email, password } })).accessToken;
}

/** Makes a class of whom comes first; resolves to its id. */
export async function makeClass(base, capacity, waitlistCapacity) {
    const accessToken = await adminToken(base);
    const body = {
        title: "A load test",
        location: "Loopback",
        capacity,
        allowWaitlist: true,
        waitlistCapacity,
        selectionType: "FIRST_COME",
        startAt: "2099-05-01T10:00:00Z",
        endAt: "2099-05-01T12:00:00Z",
    };
    return (await must(base, "POST", "/api/mclasses", { token: accessToken, body })).id;
}

/** The value below which this share of the numbers lies. */
export function quantile(numbers, share) {
    const sorted = [...numbers].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** `p50 1.2 ms, p95 3.4 ms, max 5.6 ms` */
export function times(numbers) {
    const ms = (value) => `${value.toFixed(1)} ms`;
    const [p50, p95, most] = [0.5, 0.95, 1].map((share) => ms(quantile(numbers, share)));
    return `p50 ${p50}, p95 ${p95}, max ${most}`;
}
