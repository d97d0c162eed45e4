// Shows new messages as they come. Without this script the page reloads itself every ten seconds.
"use strict";

const every = 2000;

async function look() {
  const present = document.getElementById("messages");
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const found = page.getElementById("messages");
      // Only where something came: a selection or an opened mail stays as it is.
      if (found && found.dataset.newest !== present.dataset.newest) present.replaceWith(found);
    }
  } catch {
    // The server is away; it is asked again.
  }
  setTimeout(look, every);
}

setTimeout(look, every);
