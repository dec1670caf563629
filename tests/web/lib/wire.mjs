// A connection to the server that can be cut, as a network is: service workers lose it too. And one that
// carries no cookies.

import { once } from "node:events";
import * as http from "node:http";
import { connect, createServer } from "node:net";

/**
 * Opens a port that leads to a server. `cut()` ends all connections and refuses new ones; after
 * `lose()` requests arrive and their answers do not.
 */
export async function wireTo(base) {
    const { hostname, port } = new URL(base);
    const open = new Set();
    let isCut = false;
    let losesAnswers = false;
    const server = createServer((client) => {
        if (isCut) return client.destroy();
        const upstream = connect(Number(port), hostname);
        upstream.on("data", () => losesAnswers && client.destroy());
        for (const [from, to] of [
            [client, upstream],
            [upstream, client],
        ]) {
            open.add(from);
            from.on("error", () => to.destroy());
            from.on("close", () => {
                open.delete(from);
                to.destroy();
            });
            from.pipe(to);
        }
        return undefined;
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const stop = () => {
        open.forEach((socket) => socket.destroy());
        server.close();
    };
    return {
        base: `http://127.0.0.1:${server.address().port}`,
        cut: () => {
            isCut = true;
            open.forEach((socket) => socket.destroy());
        },
        lose: () => {
            losesAnswers = true;
        },
        mend: () => {
            isCut = false;
            losesAnswers = false;
        },
        stop,
    };
}

/** Opens a port that leads to a server and lets no cookie pass, as with a browser that refuses them. */
export async function wireWithoutCookies(base) {
    const { hostname, port } = new URL(base);
    const server = http.createServer((asked, answered) => {
        const { cookie: _, ...headers } = asked.headers;
        const to = { hostname, port, method: asked.method, path: asked.url, headers };
        const request = http.request(to, (answer) => {
            const { "set-cookie": _, ...headers } = answer.headers;
            answered.writeHead(answer.statusCode, headers);
            answer.pipe(answered);
        });
        request.on("error", () => answered.destroy());
        answered.on("close", () => request.destroy());
        asked.pipe(request);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const stop = () => {
        server.closeAllConnections();
        server.close();
    };
    return { base: `http://127.0.0.1:${server.address().port}`, stop };
}
