// Makes a class and prints its id: make_class.mjs <address> <places> <places of the waitlist>

import { makeClass } from "./api.mjs";

const [base, places, waitlist] = process.argv.slice(2);
console.log(await makeClass(base, Number(places), Number(waitlist)));
