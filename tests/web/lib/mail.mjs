// The mails that a server without a mail server keeps, as a program on its machine reads them.

const TRIES = 100;
const PAUSE_MS = 100;

/** Returns the text of the newest mail of a kind to an address, once there is one. */
export async function mailTo({ base }, kind, address) {
    const read = async (path) => {
        const answer = await fetch(base + path, { headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(`GET ${path}: ${answer.status}`);
        return (await answer.json()).data;
    };
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
        const kept = await read("/dev/mail");
        const found = kept.find((mail) => mail.kind === kind && mail.to === address);
        if (found) return (await read(`/dev/mail/${found.id}`)).text;
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    throw new Error(`no mail ${kind} to ${address}`);
}
