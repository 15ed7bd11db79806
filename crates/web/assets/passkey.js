// Asks the browser for passkeys. Without this script, or where there are none, pages offer the other ways in.

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  buffer ? btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "") : "";
const credentials = (ids) => ids.split(" ").filter(Boolean).map((id) => ({ type: "public-key", id: bytes(id) }));

const asks = {
  async get({ challenge, host, known = "" }) {
    const publicKey = { challenge: bytes(challenge), rpId: host, allowCredentials: credentials(known), userVerification: "required" };
    const { rawId, response } = await navigator.credentials.get({ publicKey });
    return {
      credential_id: text(rawId),
      client_data: text(response.clientDataJSON),
      authenticator_data: text(response.authenticatorData),
      signature: text(response.signature),
      user_handle: text(response.userHandle),
    };
  },

  async create({ challenge, host, provider, user, name, displayName, known, algorithms }) {
    const publicKey = {
      challenge: bytes(challenge),
      rp: { id: host, name: provider },
      user: { id: bytes(user), name, displayName },
      pubKeyCredParams: algorithms.split(" ").map((alg) => ({ type: "public-key", alg: Number(alg) })),
      excludeCredentials: credentials(known),
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      attestation: "none",
    };
    const { response } = await navigator.credentials.create({ publicKey });
    return {
      client_data: text(response.clientDataJSON),
      authenticator_data: text(response.getAuthenticatorData()),
      public_key: text(response.getPublicKey()),
    };
  },
};

const says = {
  NotAllowedError: "Nothing was confirmed on the device, or it took too long. Please try again.",
  InvalidStateError: "This device has a passkey for your account already.",
  SecurityError: "Your browser does not allow passkeys at this address.",
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  const said = form.querySelector("[role=alert]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    said.textContent = "";
    try {
      const fields = await asks[form.dataset.passkey](form.dataset);
      for (const [name, value] of Object.entries(fields)) {
        const field = form.elements[name] ?? form.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name }));
        field.value = value;
      }
      form.submit();
    } catch (error) {
      said.textContent = says[error.name] ?? "That did not work in this browser. Please try another way.";
      button.disabled = false;
    }
  });
}
for (const missing of document.querySelectorAll("[data-no-passkeys]")) missing.hidden = Boolean(window.PublicKeyCredential);
