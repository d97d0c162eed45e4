// Asks the browser for a passkey and puts what it signed into the form (Web Authentication, 5.1.4).
"use strict";

const form = document.getElementById("passkey");
const failed = document.getElementById("failed");

function bytes(text) {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

async function signed() {
  const asked = JSON.parse(form.dataset.options);
  const publicKey = {
    ...asked,
    challenge: bytes(asked.challenge),
    allowCredentials: asked.allowCredentials.map((each) => ({ ...each, id: bytes(each.id) })),
  };
  const found = await navigator.credentials.get({ publicKey });
  const { clientDataJSON, authenticatorData, signature, userHandle } = found.response;
  return {
    id: found.id,
    rawId: text(found.rawId),
    type: found.type,
    clientExtensionResults: {},
    response: {
      clientDataJSON: text(clientDataJSON),
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      ...(userHandle ? { userHandle: text(userHandle) } : {}),
    },
  };
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  failed.hidden = true;
  try {
    form.elements.code.value = JSON.stringify(await signed());
    form.submit();
  } catch {
    // The user gave up, or has no passkey here; which of them the browser does not tell.
    failed.hidden = false;
  }
});
