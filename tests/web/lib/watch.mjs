// Everything that goes wrong in a browser without a scenario asking for it.

/** Reports errors of scripts, failed requests, refused answers and violations of the CSP. */
export function watch(context, report, { javaScriptEnabled = true } = {}) {
    context.on("weberror", (event) => report.add(`a script failed: ${event.error().message}`));
    context.on("console", (message) => {
        if (!["error", "warning"].includes(message.type())) return;
        const text = message.text();
        // Said better by the answer itself, below.
        if (text.startsWith("Failed to load resource")) return;
        const kind = /content security policy/i.test(text)
            ? "the page breaks its content security policy"
            : `the console shows a${message.type() === "error" ? "n error" : " warning"}`;
        report.add(`${kind}: ${text}`);
    });
    context.on("requestfailed", (request) => {
        const reason = request.failure()?.errorText ?? "unknown";
        // A page that is left gives up its requests.
        if (reason === "net::ERR_ABORTED") return;
        // Without scripts, Chromium refuses to preload modules and calls it a matter of the policy.
        if (!javaScriptEnabled && reason === "csp" && request.resourceType() === "script") return;
        report.add(`a request failed: ${request.method()} ${path(request.url())}: ${reason}`);
    });
    context.on("response", (response) => {
        if (response.status() < 400) return;
        const request = response.request();
        report.add(
            `a request was refused: ${request.method()} ${path(request.url())}: ${response.status()}`,
        );
    });
}

function path(url) {
    const { pathname, search } = new URL(url);
    return pathname + search;
}
