// Authenticates senders by mailauth. Reads JSON {spf: [...], dmarc: [...], messages: [...]}; each case has its records,
// {name: {kind: values}}, and the names that do not answer. Writes what mailauth says of each case.
const { createRequire } = require("node:module");
const need = createRequire(`${process.argv[2]}/`);
const { spf } = need("mailauth/lib/spf");
const { dmarc } = need("mailauth/lib/dmarc");
const { dkimVerify } = need("mailauth/lib/dkim/verify");

function resolverOf({ records, down }) {
  return async (name, kind) => {
    name = name.toLowerCase().replace(/\.$/, "");
    const fail = (code) => Object.assign(new Error(`${code} ${name}`), { code });
    if (down.includes(name)) throw fail("ETIMEOUT");
    if (records[name]?.[kind]) return records[name][kind];
    const known = Object.keys(records).some((one) => one === name || one.endsWith(`.${name}`));
    throw fail(known ? "ENODATA" : "ENOTFOUND");
  };
}

const asks = {
  spf: async (one) => (await spf({ ...one, resolver: resolverOf(one), strict: true, mta: "mx.example" })).status.result,
  dmarc: async (one) => {
    const found = await dmarc({ ...one, resolver: resolverOf(one), strict: true });
    return [found.status.result, found.status.policy?.dmarc ?? ""];
  },
  messages: async (one) => {
    const options = { ...one, resolver: resolverOf(one), strict: true, mta: "mx.example" };
    const signed = await dkimVerify(Buffer.from(one.message, "base64"), options);
    const sent = await spf(options);
    const found = await dmarc({
      headerFrom: signed.headerFrom,
      fromFields: signed.fromFields,
      spfDomains: sent.status.result === "pass" ? [sent.domain] : [],
      dkimDomains: signed.results
        .filter((row) => row.status.result === "pass")
        .map((row) => ({ id: row.id, domain: row.signingDomain })),
      resolver: options.resolver,
      strict: true,
    });
    const signatures = signed.results.filter((row) => row.signingDomain).map((row) => row.status.result);
    return [sent.status.result, signatures, found ? found.status.result : "permerror"];
  },
};

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const cases = JSON.parse(Buffer.concat(chunks).toString());
  const told = {};
  for (const [kind, ask] of Object.entries(asks)) {
    told[kind] = [];
    for (const one of cases[kind]) told[kind].push(await ask(one));
  }
  process.stdout.write(JSON.stringify(told));
}

main();
