// Preparations of an organiser by the API: each combination of a scenario makes events of its own.

/** Signs in as the administrator of `things.admin`; returns the requests of one. */
export async function asOrganiser({ base, things }) {
    const call = async (method, path, body, token) => {
        const headers = { "Content-Type": "application/json" };
        if (token) headers.Authorization = `Bearer ${token}`;
        if (method !== "GET") headers["Idempotency-Key"] = crypto.randomUUID();
        const answer = await fetch(base + path, { method, headers, body: JSON.stringify(body) });
        const read = await answer.json();
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(read)}`);
        return read.data;
    };
    const { accessToken } = await call("POST", "/api/auth/login", things.admin);
    return {
        get: (path) => call("GET", path, undefined, accessToken),
        post: (path, body) => call("POST", path, body, accessToken),
        /** Makes an event on sale of `Standing` places and, by default, two rows of `Stalls`. */
        event: (change = {}) => call("POST", "/api/events", { ...eventBody(), ...change }, accessToken),
        /** Returns the counts of each product, by its name. */
        counts: async ({ id }) => {
            const [{ products }, live] = await Promise.all([
                call("GET", `/api/events/${id}`),
                call("GET", `/api/events/${id}/availability`),
            ]);
            const nameOf = new Map(products.map((product) => [product.id, product.name]));
            return Object.fromEntries(live.products.map((of) => [nameOf.get(of.id), of]));
        },
    };
}

/** An event as a request describes it. */
function eventBody() {
    const days = (count) => new Date(Date.now() + count * 86_400_000).toISOString();
    return {
        name: "햄릿 — Hamlet",
        venue: "The old theatre",
        eventDate: days(2),
        saleEndAt: days(1),
        status: "SELLING",
        products: [
            { name: "Stalls", price: { amount: 90_000, currency: "KRW" } },
            standing(20),
        ],
        seatMap: {
            sections: [
                {
                    name: "Left",
                    product: "Stalls",
                    rows: [
                        { name: "A", seats: 6 },
                        { name: "B", seats: 6 },
                    ],
                },
            ],
        },
    };
}

/** A product of places without numbers. */
export function standing(totalStock) {
    return { name: "Standing", price: { amount: 50_000, currency: "KRW" }, totalStock };
}
