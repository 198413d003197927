// Asks the browser for a passkey (WebAuthn), and sends its answer with the form. All else works without this script.

const toBytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));

const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const withBytes = (list) => (list ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));

const readOptions = (form) => {
  const options = JSON.parse(form.dataset.options);
  options.challenge = toBytes(options.challenge);
  if (options.user) options.user.id = toBytes(options.user.id);
  if (options.excludeCredentials) options.excludeCredentials = withBytes(options.excludeCredentials);
  if (options.allowCredentials) options.allowCredentials = withBytes(options.allowCredentials);
  return options;
};

const asJson = (credential) => {
  const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const given = names.filter((name) => credential.response[name]);
  return JSON.stringify({
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response: Object.fromEntries(given.map((name) => [name, toText(credential.response[name])])),
  });
};

const ask = async (form) => {
  const publicKey = readOptions(form);
  try {
    const credential = await (form.dataset.passkey === "create"
      ? navigator.credentials.create({ publicKey })
      : navigator.credentials.get({ publicKey }));
    form.elements.credential.value = asJson(credential);
    form.submit();
  } catch (error) {
    form.querySelector("[role=status]").textContent = error.message;
  }
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.querySelector("[data-ask]").addEventListener("click", () => ask(form));
  if (!("waits" in form.dataset)) ask(form);
}
