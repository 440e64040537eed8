// Asks for the page again every ten seconds, unless it is hidden, it is switched off, or somebody writes in it or has
// opened a part of it.
"use strict";

const SECONDS = 10;
const chosen = document.getElementById("refresh");

function isBusy() {
  const focused = document.activeElement;
  const isWriting = focused !== null && focused.closest("form, dialog") !== null;
  return isWriting || document.querySelector("#live details[open]") !== null;
}

function update() {
  if (document.visibilityState === "visible" && chosen.checked && !isBusy()) {
    htmx.trigger("#live", "refresh");
  }
}

if (chosen !== null) {
  window.setInterval(update, SECONDS * 1000);
  document.addEventListener("visibilitychange", update);
}
