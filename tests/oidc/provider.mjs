// A provider of OpenID Connect for tests: the certified library, with one registered shop. People sign in as
// the account that the parameter `login_hint` of the authorization request names, or else one that they
// enter on a page. The arguments are the addresses to which it leads browsers back.

import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const packages = createRequire(process.env.ADMITONE_OIDC_PACKAGES ?? import.meta.url);
const { Provider } = await import(pathToFileURL(packages.resolve("oidc-provider")));

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address();

const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
        {
            client_id: "the-shop",
            client_secret: "a-secret-of-the-shop",
            redirect_uris: process.argv.slice(2),
            grant_types: ["authorization_code"],
            response_types: ["code"],
        },
    ],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    cookies: { keys: ["a key of the tests"] },
    ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 600, Grant: 600 },
    findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({
            sub: id,
            email: `${id}@example.com`,
            email_verified: true,
            name: `The person ${id}`,
        }),
    }),
    async loadExistingGrant(context) {
        const { client, session } = context.oidc;
        const grant = new context.oidc.provider.Grant({
            clientId: client.clientId,
            accountId: session.accountId,
        });
        grant.addOIDCScope("openid email profile");
        await grant.save();
        return grant;
    },
});

const QUESTION = `<!doctype html><html lang="en"><title>Provider</title><link rel="icon" href="data:,">
<form><label>Who are you? <input name="person" required></label> <button>Sign in</button></form></html>`;

const answer = provider.callback();
server.on("request", async (request, response) => {
    if (!request.url.startsWith("/interaction/")) return answer(request, response);
    const { params } = await provider.interactionDetails(request, response);
    const entered = new URL(request.url, provider.issuer).searchParams.get("person");
    const accountId = params.login_hint ?? entered;
    if (!accountId) {
        response.setHeader("Content-Type", "text/html; charset=utf-8");
        return response.end(QUESTION);
    }
    const login = { accountId };
    return provider.interactionFinished(request, response, { login });
});
// The test's end closes its side: a provider must not outlive it.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
console.log(port);
