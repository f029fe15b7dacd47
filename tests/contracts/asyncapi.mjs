// Reads an AsyncAPI document with the parser of AsyncAPI's own project and prints what is wrong with it, one a line.
// Exits with 1 when something is.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
// 0 is an error, 1 a warning; the others are advice.
const wrong = diagnostics.filter(({ severity }) => severity <= 1);
for (const { path, message } of wrong) console.log(`${path.join("/")}: ${message}`);
if (wrong.length > 0 || !document) process.exit(1);
console.log(`${document.allChannels().length} channels, ${document.allOperations().length} operations, ${document.allMessages().length} messages`);
