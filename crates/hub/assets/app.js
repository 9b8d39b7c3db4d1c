// What the page does better with scripts. Everything but passkeys works without this file.
"use strict";

const bytes = (hex) => Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16));
const hex = (buffer) =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

// Passkeys: the form says what is asked, the answer goes into its hidden fields.
async function get(form) {
  const { challenge, rp, credential } = form.dataset;
  const allow = credential ? [{ type: "public-key", id: bytes(credential) }] : [];
  const answer = await navigator.credentials.get({
    publicKey: {
      challenge: bytes(challenge), rpId: rp, allowCredentials: allow,
      userVerification: "required", timeout: 120000,
    },
  });
  return {
    credential: hex(answer.rawId),
    authenticator_data: hex(answer.response.authenticatorData),
    client_data: hex(answer.response.clientDataJSON),
    signature: hex(answer.response.signature),
  };
}

async function create(form) {
  const { challenge, rp, user, name } = form.dataset;
  const made = await navigator.credentials.create({
    publicKey: {
      challenge: bytes(challenge), rp: { id: rp, name: "ringfort" },
      user: { id: bytes(user), name, displayName: name },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -8 }],
      authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
      attestation: "none", timeout: 120000,
    },
  });
  return {
    credential: hex(made.rawId),
    public: hex(made.response.getPublicKey()),
    authenticator_data: hex(made.response.getAuthenticatorData()),
    client_data: hex(made.response.clientDataJSON),
  };
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const says = form.querySelector("[data-says]");
    button.disabled = true;
    try {
      if (!window.PublicKeyCredential) throw new Error("This browser has no passkeys here.");
      const answer = await (form.dataset.passkey === "create" ? create(form) : get(form));
      for (const [name, value] of Object.entries(answer)) form.elements[name].value = value;
      form.submit();
    } catch (error) {
      button.disabled = false;
      if (says) {
        says.textContent = error.name === "NotAllowedError"
          ? "Nothing was signed: it was cancelled or took too long." : String(error.message);
        says.setAttribute("role", "alert");
      }
    }
  });
}

// Progress of what runs.
const list = document.querySelector("[data-events]");
if (list && window.EventSource) {
  const source = new EventSource(list.dataset.events);
  let skip = Number(list.dataset.told);
  source.addEventListener("line", (event) => {
    if (skip-- > 0) return;
    const item = document.createElement("li");
    item.textContent = event.data;
    list.append(item);
  });
  source.addEventListener("end", () => { source.close(); location.reload(); });
  source.onopen = () => { skip = Math.max(skip, list.children.length); };
}

// Times in the reader's own zone, as a hint.
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (!isNaN(at)) time.title = at.toLocaleString();
}

// A button that copies what stands beside it.
for (const command of document.querySelectorAll("pre.command")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button plain no-print";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command.textContent);
    button.textContent = "Copied";
  });
  command.after(button);
}

// Print buttons.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
