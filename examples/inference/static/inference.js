// The page: a prediction after each stroke, and a stream of them for the samples.

import { Pad, paint } from "./pad.js";
import { eventsOf } from "./events.js";

const find = (selector) => document.querySelector(selector);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const bars = Array.from({ length: 10 }, (_, digit) => {
  const item = document.createElement("li");
  item.append(element("span", digit), element("progress"), element("span", "?"));
  item.children[1].max = 1;
  item.children[1].value = 0;
  item.children[1].setAttribute("aria-label", `Probability of ${digit}`);
  return item;
});

function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function post(url, content) {
  const headers = { "Content-Type": "application/json" };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(content) });
}

// One question at a time: whoever draws on meanwhile is answered with the newest image afterwards.
let asking = false;
let changed = false;

async function predict() {
  changed = true;
  if (asking) return;
  asking = true;
  while (changed) {
    changed = false;
    if (pad.empty) show(null);
    else await ask();
  }
  asking = false;
}

async function ask() {
  let response;
  try {
    response = await post(pad.canvas.dataset.action, { image: pad.image });
  } catch {
    tell("The server does not answer.");
    return;
  }
  const answer = await response.json();
  if (response.ok) {
    tell("");
    show(pad.empty ? null : answer);
    return;
  }
  tell(answer.error);
  if (response.status === 503) {
    await pause(Number(response.headers.get("Retry-After") ?? 1));
    changed = true;
  }
}

function show(answer) {
  find("#digit").textContent = answer?.digit ?? "?";
  bars.forEach((item, digit) => {
    const probability = answer?.probabilities[digit] ?? 0;
    item.classList.toggle("best", answer?.digit === digit);
    item.children[1].value = probability;
    item.children[2].textContent = answer ? `${(probability * 100).toFixed(0)} %` : "?";
  });
}

function tell(problem) {
  find("#problem").textContent = problem;
}

// The samples: asked for by POST, so that `EventSource` cannot be used.

async function classifySamples(event) {
  const { samples: from, action } = event.target.dataset;
  event.target.disabled = true;
  try {
    const { samples } = await (await fetch(from)).json();
    if (!samples.length) throw new Error("The model is still being loaded. Try again in a moment.");
    const items = samples.map(({ image }) => sampleItem(image));
    find("#samples").replaceChildren(...items);
    await follow(await post(action, { images: samples.map(({ image }) => image) }), samples, items);
  } catch (error) {
    find("#score").textContent = error.message;
  }
  event.target.disabled = false;
}

function sampleItem(image) {
  const item = document.createElement("li");
  const canvas = document.createElement("canvas");
  paint(canvas, image);
  item.append(canvas, element("span", "·"));
  return item;
}

async function follow(response, samples, items) {
  if (!response.ok) throw new Error((await response.json()).error);
  let right = 0;
  let done = 0;
  for await (const { event, data } of eventsOf(response)) {
    if (event === "failed") throw new Error(data.error);
    if (event === "waiting") find("#score").textContent = "The server is busy; it goes on in a moment.";
    if (event !== "result") continue;
    const correct = samples[data.index].digit === data.digit;
    items[data.index].className = correct ? "right" : "wrong";
    items[data.index].lastChild.textContent = correct ? data.digit : `${data.digit} (${samples[data.index].digit})`;
    right += correct;
    done += 1;
    find("#score").textContent = `${right} of ${done} are right. In red: what it said, and (what it is).`;
  }
}

async function watchReadiness() {
  for (;;) {
    let state = "unreachable";
    try {
      state = (await (await fetch("health/ready")).json()).status;
    } catch {
      // Said below.
    }
    find("#state").dataset.state = state;
    find("#state").textContent = state;
    await pause(state === "ready" ? 10 : 1);
  }
}

find("#bars").append(...bars);
const pad = new Pad(find("#pad"), predict);
find("#clear").addEventListener("click", () => pad.clear());
find("#run").addEventListener("click", classifySamples);
watchReadiness();
