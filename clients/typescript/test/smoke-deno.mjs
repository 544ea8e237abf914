import { smoke } from "./smoke.mjs";

await smoke(Deno.args[0], (line) => console.log(line));
Deno.exit();
