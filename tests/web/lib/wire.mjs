// A connection to the server that can be cut, as a network is: service workers lose it too.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Opens a port that leads to a server. `cut()` ends all connections and refuses new ones. */
export async function wireTo(base) {
    const { hostname, port } = new URL(base);
    const open = new Set();
    let isCut = false;
    const server = createServer((client) => {
        if (isCut) return client.destroy();
        const upstream = connect(Number(port), hostname);
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
        mend: () => {
            isCut = false;
        },
        stop,
    };
}
