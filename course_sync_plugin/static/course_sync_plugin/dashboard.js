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

// A part of the drawing of the history that is selected with the pointer becomes the time of the page. A keyboard has
// the bars, which are links, and the fields Since and Until.
const LEAST_PIXELS = 5;
const bars = document.querySelector("svg.bars");

function brush(from, to) {
  const [since, until] = [Date.parse(bars.dataset.since), Date.parse(bars.dataset.until)];
  const timeAt = (part) => new Date(since + part * (until - since)).toISOString().replace(/\.\d+Z/, "Z");
  const address = new URL(window.location.href);
  address.searchParams.set("since", timeAt(Math.min(from, to)));
  address.searchParams.set("until", timeAt(Math.max(from, to)));
  address.searchParams.delete("before");
  window.location.assign(address);
}

function watchSelection() {
  const { x, width, height } = bars.viewBox.baseVal;
  const selected = document.createElementNS(bars.namespaceURI, "rect");
  let begin = null;
  const partAt = (event) => {
    const place = bars.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - place.left) / place.width));
  };
  const isLong = (part) => Math.abs(part - begin) * bars.getBoundingClientRect().width >= LEAST_PIXELS;
  selected.setAttribute("class", "selected");
  selected.setAttribute("height", height);
  bars.addEventListener("dragstart", (event) => event.preventDefault());
  bars.addEventListener("pointerdown", (event) => {
    begin = event.button === 0 ? partAt(event) : null;
  });
  bars.addEventListener("pointermove", (event) => {
    if (begin !== null && isLong(partAt(event))) {
      bars.setPointerCapture(event.pointerId);
      selected.setAttribute("x", x + Math.min(begin, partAt(event)) * width);
      selected.setAttribute("width", Math.abs(partAt(event) - begin) * width);
      bars.append(selected);
    }
  });
  bars.addEventListener("pointerup", (event) => {
    const isSelection = begin !== null && isLong(partAt(event));
    if (isSelection) {
      bars.addEventListener("click", (click) => click.preventDefault(), { capture: true, once: true });
      brush(begin, partAt(event));
    }
    begin = null;
  });
  bars.addEventListener("pointercancel", () => {
    begin = null;
    selected.remove();
  });
}

if (bars !== null) {
  watchSelection();
}
