// Verifies messages by mailauth. Reads JSON {records: {name: text}, messages: [base64]} and writes, for each message,
// what it says of each signature, by selector.
const { createRequire } = require("node:module");
const { dkimVerify } = createRequire(`${process.argv[2]}/`)("mailauth/lib/dkim/verify");

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { records, messages } = JSON.parse(Buffer.concat(chunks).toString());
  const resolver = async (name) => {
    if (name in records) return [[records[name]]];
    throw Object.assign(new Error(`no ${name}`), { code: "ENOTFOUND" });
  };
  const told = [];
  for (const message of messages) {
    const { results } = await dkimVerify(Buffer.from(message, "base64"), { resolver });
    told.push(Object.fromEntries(results.map((one) => [one.selector ?? "none", one.status.result])));
  }
  process.stdout.write(JSON.stringify(told));
}

main();
