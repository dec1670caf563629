// A page with one of every fault that the tool must report. This scenario has to fail: the test in
// `tests/it/web.rs` asks for each fault in the report.

import { createServer } from "node:http";
import { once } from "node:events";

export const matrix = "one";

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'";
const STYLE = ".wide { width: 2000px } .faint { color: #777; background: #888 }";
const SCRIPT = `
console.error("planted error");
fetch("/missing");
fetch("/cut").catch(() => {});
setTimeout(() => { document.body.dataset.done = "yes"; throw new Error("planted exception"); });
`;
const PAGE = `<!doctype html><html lang="en"><head><link rel="stylesheet" href="/style.css">
<link rel="icon" href="data:,"></head><body><main><h1>Planted</h1><input>
<p class="wide">wide</p><a href="/nowhere">nowhere</a><p class="faint">faint</p><script>inline()</script>
<script src="/script.js"></script></main></body></html>`;

export async function before() {
    const server = createServer((request, response) => {
        const send = (type, text) => {
            response.setHeader("Content-Type", type);
            response.end(text);
        };
        response.setHeader("Content-Security-Policy", POLICY);
        switch (request.url) {
            case "/":
                return send("text/html", PAGE);
            case "/style.css":
                return send("text/css", STYLE);
            case "/script.js":
                return send("text/javascript", SCRIPT);
            case "/cut":
                return request.socket.destroy();
            default:
                response.statusCode = 404;
                return send("text/plain", "");
        }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { base: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

export default async function (tour) {
    const { page } = tour;
    tour.allow(/planted, and never seen/);
    await page.goto("/");
    await page.locator("[data-done]").waitFor();
    await tour.look("planted page");
    await page.getByText("not there").waitFor({ timeout: 100 });
}
