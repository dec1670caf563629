// A receiver of webhooks for tests: verifies every message with the public library, and answers as
// the path asks. The last part of a path is free, so that tests tell their messages apart.
//
//   /take/…      200                          /status/503/…  that status (429 and 503 with Retry-After: 7)
//   /hang/…      nothing                      /drip/…        200, and a byte every 50 ms for ever
//   /flood/…     200, and bytes for ever      /redirect/…    302 to /take/redirected
//   /cut/…       closes the connection        /flaky/…       500 and 200 in turn
//   /strict/…    200 if it verifies, or 401   /stumble/…     500 twice, once or never, by the message; then 200
//
// For the tests themselves: POST /secrets takes a JSON list of the secrets to try, POST /clock the
// seconds by which this receiver's clock is ahead, POST /sender the seconds by which it is ahead of the
// time at which a message was signed, whenever that was, GET /log the messages so far, GET /counts how many
// there are by path.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const packages = createRequire(process.env.ADMITONE_WEBHOOK_PACKAGES ?? import.meta.url);
const { Webhook } = packages("standardwebhooks");

const log = [];
const counts = {};
const stumbles = new Map();
const connections = new Map();
let secrets = [];
let ahead = 0;
let turns = 0;

/** The time at which the message in hand was signed, in ms, if the clock follows its sender. */
let signed;
let follows = false;

const clock = Date.now;
Date.now = () => (signed ?? clock()) + ahead * 1000;

/** Returns the positions of the secrets by which a message verifies. */
function verified(body, headers) {
    const verifies = (secret) => {
        try {
            new Webhook(secret).verify(body, headers);
            return true;
        } catch {
            return false;
        }
    };
    signed = follows ? Number(headers["webhook-timestamp"]) * 1000 : undefined;
    const found = secrets.flatMap((secret, index) => (verifies(secret) ? [index] : []));
    signed = undefined;
    return found;
}

/** Returns true if this message is to fail once more. */
function stumblesOver(id) {
    const left = stumbles.get(id) ?? [...id].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 3;
    stumbles.set(id, Math.max(left - 1, 0));
    return left > 0;
}

function answer(path, message, response) {
    const [, what, status] = path.split("/");
    switch (what) {
        case "take":
            return response.end("thank you\u0007");
        case "status":
            if (["429", "503"].includes(status)) response.setHeader("Retry-After", "7");
            response.statusCode = Number(status);
            return response.end(`no: ${status}`);
        case "hang":
            return undefined;
        case "drip": {
            response.writeHead(200);
            const drip = setInterval(() => response.write("."), 50);
            return response.on("close", () => clearInterval(drip));
        }
        case "flood": {
            const bytes = "x".repeat(65_536);
            const pour = () => {
                while (!response.destroyed && response.write(bytes));
            };
            response.on("drain", pour);
            return pour();
        }
        case "redirect":
            response.writeHead(302, { Location: "/take/redirected" });
            return response.end();
        case "cut":
            return response.destroy();
        case "strict":
            response.statusCode = message.verified.length ? 200 : 401;
            return response.end();
        case "stumble":
            response.statusCode = stumblesOver(message.id) ? 500 : 200;
            return response.end();
        case "flaky":
            turns += 1;
            response.statusCode = turns % 2 ? 500 : 200;
            return response.end();
        default:
            response.statusCode = 404;
            return response.end();
    }
}

const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
        const body = Buffer.concat(chunks).toString();
        switch (request.url) {
            case "/secrets":
                secrets = JSON.parse(body);
                return response.end();
            case "/clock":
            case "/sender":
                ahead = JSON.parse(body);
                follows = request.url === "/sender";
                return response.end();
            case "/log":
                return response.end(JSON.stringify(log));
            case "/counts":
                return response.end(JSON.stringify(counts));
            default: {
                counts[request.url] = (counts[request.url] ?? 0) + 1;
                const message = {
                    path: request.url,
                    id: request.headers["webhook-id"],
                    timestamp: request.headers["webhook-timestamp"],
                    signatures: request.headers["webhook-signature"]?.split(" ").length,
                    contentType: request.headers["content-type"],
                    connection: connections.get(request.socket),
                    verified: verified(body, request.headers),
                    body,
                };
                log.push(message);
                return answer(request.url, message, response);
            }
        }
    });
});
server.on("connection", (socket) => connections.set(socket, connections.size));
// The test's end closes its side: a receiver must not outlive it.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
