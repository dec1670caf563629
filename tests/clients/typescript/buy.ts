// Buys tickets with nothing but the types that are generated from the document of the API.
// Arguments: the server's address, an event on sale with numbered seats, and an account with money.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Schemas = components["schemas"];

const [baseUrl, eventId, email, password] = process.argv.slice(2);
assert(baseUrl && eventId && email && password, "buy.js <address> <event> <email> <password>");

const api = createClient<paths>({ baseUrl });

/** The data of an answer, or the failure thrown. */
function data<T>(answer: { data?: { data: T }; error?: Schemas["Failure"] }): T {
  if (answer.data === undefined) {
    const failure = answer.error?.error;
    throw new Error(`${failure?.code}: ${failure?.message}`);
  }
  return answer.data.data;
}

const key = (name: string) => ({ header: { "Idempotency-Key": `${name}-${crypto.randomUUID()}` } });

const tokens = data(await api.POST("/api/auth/login", { body: { email, password } }));
api.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${tokens.accessToken}`);
    return request;
  },
});

const path = { event: eventId };
const event = data(await api.GET("/api/events/{event}", { params: { path } }));
const onSale: Schemas["EventStatus"] = "SELLING";
assert.equal(event.status, onSale);
const map = data(await api.GET("/api/events/{event}/seats", { params: { path } }));
const seats = map.sections.flatMap((section) => section.rows.flatMap((row) => row.seats));
const free = seats.filter((seat) => seat.status === "AVAILABLE").slice(0, 2);
assert.equal(free.length, 2);

const hold = data(
  await api.POST("/api/events/{event}/holds", {
    params: { path, ...key("hold") },
    body: { seats: free.map((seat) => seat.id) },
  }),
);
assert.equal(hold.status, "ACTIVE");
assert(new Date(hold.expiresAt) > new Date(hold.serverTime));

const taken = await api.POST("/api/events/{event}/holds", {
  params: { path, ...key("again") },
  body: { seats: free.map((seat) => seat.id) },
});
const expected: Schemas["ErrorCode"] = "SEATS_TAKEN";
assert.equal(taken.error?.error.code, expected);

const reservation = data(
  await api.POST("/api/reservations", {
    params: key("reserve"),
    body: { eventId, holdId: hold.id },
  }),
);
const paid = data(
  await api.POST("/api/reservations/{id}/payments", {
    params: { path: { id: reservation.id }, ...key("pay") },
    body: { method: "wallet" },
  }),
);
assert.equal(paid.status, "CONFIRMED");
assert.deepEqual(paid.amount, reservation.totalPrice);

const tickets = data(await api.GET("/api/tickets", { params: { query: { limit: 10 } } }));
const bought = tickets.filter((ticket) => ticket.reservationId === reservation.id);
assert.deepEqual(
  bought.map((ticket) => ticket.seat?.id).sort(),
  free.map((seat) => seat.id).sort(),
);
