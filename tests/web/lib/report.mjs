// What was wrong in one combination.

/** Lines in plain words; an empty report passes. */
export class Report {
    lines = [];
    seconds = 0;
    #allowed = [];
    #step = "the beginning";
    #begun = performance.now();

    constructor(label) {
        this.label = label;
    }

    /** Names what the scenario does now. */
    step(text) {
        this.#step = text;
    }

    /** Allows problems that match: the scenario provokes them. Each must then happen. */
    allow(pattern) {
        this.#allowed.push({ pattern, seen: false });
    }

    /** Adds a problem, unless it is allowed. */
    add(problem) {
        const allowed = this.#allowed.filter(({ pattern }) => pattern.test(problem));
        allowed.forEach((entry) => (entry.seen = true));
        const line = `${problem} (${this.#step})`;
        if (allowed.length === 0 && !this.lines.includes(line)) this.lines.push(line);
    }

    finish() {
        this.seconds = (performance.now() - this.#begun) / 1000;
        for (const { pattern, seen } of this.#allowed) {
            if (!seen) this.lines.push(`expected, but did not happen: ${pattern}`);
        }
        return this;
    }
}
