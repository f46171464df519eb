// The page: the history first, then what comes in; cards and chart are drawn from the same series.

import { Chart, place } from "./chart.js";
import { follow } from "./live.js";
import { listen } from "./upload.js";

const KEPT = 10 * 60000; // milliseconds
const SILENT = 10000; // milliseconds after which a card fades
const COLORS = 6;
const TRANSPORTS = { connecting: "connecting", websocket: "live by websocket", sse: "live by event stream" };

const find = (selector) => document.querySelector(selector);
const series = new Map();
const chart = new Chart(find("#chart"), find("#tip"), series);

function add(readings) {
  for (const [device, at, value] of readings) {
    const { points } = series.get(device) ?? addSeries(device);
    const index = place(points, at);
    if (points[index]?.[0] !== at) points.splice(index, 0, [at, value]);
  }
  count("#points", readings.length);
  find("#empty").hidden = series.size > 0;
}

function addSeries(device) {
  const card = document.createElement("li");
  card.innerHTML = `<div class="name"></div><div class="value"></div><div class="range"></div>`;
  card.querySelector(".name").textContent = device;
  card.dataset.device = device;
  const made = { points: [], card };
  series.set(device, made);
  // In the order of names, so that it is the same in each page.
  const sorted = [...series].sort(([one], [other]) => (one < other ? -1 : 1));
  series.clear();
  sorted.forEach(([name, entry], index) => {
    entry.color = `series-${index % COLORS}`;
    entry.card.className = entry.color;
    series.set(name, entry);
  });
  find("#devices").replaceChildren(...sorted.map(([, entry]) => entry.card));
  return made;
}

function count(selector, more) {
  const element = find(selector);
  element.dataset.count = Number(element.dataset.count) + more;
  element.textContent = Number(element.dataset.count).toLocaleString();
}

function draw() {
  const now = Date.now();
  for (const { points, card } of series.values()) {
    points.splice(0, place(points, now - KEPT));
    drawCard(card, points, now);
  }
  chart.draw();
}

function drawCard(card, points, now) {
  const [at, value] = points.at(-1) ?? [0, null];
  card.classList.toggle("silent", now - at > SILENT);
  if (value === null) {
    card.querySelector(".value").textContent = "–";
    card.querySelector(".range").textContent = "silent";
    return;
  }
  const values = points.slice(place(points, now - chart.minutes * 60000)).map((point) => point[1]);
  const unit = document.createElement("small");
  unit.textContent = " °C";
  card.querySelector(".value").replaceChildren(value.toFixed(1), unit);
  card.querySelector(".range").textContent = values.length
    ? `${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)}`
    : "silent";
}

function chooseWindow(event) {
  const button = event.target.closest("button");
  if (!button) return;
  for (const other of event.currentTarget.children) other.setAttribute("aria-pressed", other === button);
  chart.minutes = Number(button.dataset.minutes);
  draw();
}

async function history() {
  const url = new URL("api/readings", document.baseURI);
  url.search = new URLSearchParams({ since: Date.now() - KEPT, limit: 5000 });
  const { readings } = await (await fetch(url)).json();
  add(readings.map(({ device, at, value }) => [device, at, value]));
  return readings.reduce((last, { id }) => Math.max(last, id), 0);
}

function showTransport(transport) {
  find("#transport").dataset.transport = transport;
  find("#transport").textContent = TRANSPORTS[transport];
}

function take(readings, lost) {
  add(readings);
  if (lost > 0) {
    count("#lost", lost);
    find("#lost").hidden = false;
    find("#lost").textContent = `, ${find("#lost").textContent} skipped`;
  }
}

listen();
find("#windows").addEventListener("click", chooseWindow);
setInterval(draw, 200);
follow(await history(), take, showTransport);
