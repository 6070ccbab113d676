"use strict";
// Asks the browser for a passkey and sends what it answers with the form around the button
// (Web Authentication Level 2, sections 5.1.3 and 5.1.4). The page works without this for all but passkeys.
(() => {
  const octets = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replaceAll("=", "");
  const known = (list) => list?.map((one) => ({ ...one, id: octets(one.id) }));

  function read(options) {
    const read = { ...options, challenge: octets(options.challenge) };
    if (options.user) read.user = { ...options.user, id: octets(options.user.id) };
    if (options.excludeCredentials) read.excludeCredentials = known(options.excludeCredentials);
    if (options.allowCredentials) read.allowCredentials = known(options.allowCredentials);
    return read;
  }

  function written(made) {
    const response = { clientDataJSON: text(made.response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[name]) response[name] = text(made.response[name]);
    }
    return JSON.stringify({
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      authenticatorAttachment: made.authenticatorAttachment,
      clientExtensionResults: {},
      response,
    });
  }

  const TROUBLE = {
    NotAllowedError: "The passkey was not used: it was cancelled, or the time ran out. Try again.",
    InvalidStateError: "This device has a passkey of this account already.",
    SecurityError: "Passkeys cannot be used at this address of the server.",
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const said = form.querySelector("[data-said]");
    const button = form.querySelector("button");
    if (!window.PublicKeyCredential) {
      said.textContent = "This browser has no passkeys.";
      button.disabled = true;
      continue;
    }
    form.addEventListener("submit", async (event) => {
      if (form.elements.answer.value) return;
      event.preventDefault();
      button.disabled = true;
      said.textContent = "Follow what your browser says.";
      const publicKey = read(JSON.parse(form.dataset.options).publicKey);
      try {
        const made = await navigator.credentials[form.dataset.passkey]({ publicKey });
        form.elements.answer.value = written(made);
        form.requestSubmit();
      } catch (trouble) {
        said.textContent = TROUBLE[trouble.name] ?? `The passkey did not work (${trouble.name}).`;
      }
      button.disabled = false;
    });
  }
})();
