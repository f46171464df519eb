// The page: a square for each device, by group, and what has become of each command.

const find = (selector) => document.querySelector(selector);
const squares = new Map(); // id -> the square of a device
const groups = new Map(); // group -> its count and its squares
const rows = new Map(); // number -> the row of a command
let picked = null; // the id of the device whose state is spelled out
const NAMED = 100; // devices that the field for the target suggests
const ORDER = ["done", "failed", "timed out", "gone", "busy", "confirmed", "sent"];

function take(event) {
  if (event.all) {
    squares.clear();
    groups.clear();
    find("#groups").replaceChildren();
  }
  event.gone.forEach((id) => {
    squares.get(id)?.remove();
    squares.delete(id);
  });
  event.devices.forEach(showDevice);
  for (const [name, group] of groups) {
    group.count.textContent = event.groups[name] ?? 0;
    group.box.hidden = !(name in event.groups);
  }
  find("#connected").textContent = event.connected.toLocaleString();
  find("#empty").hidden = event.connected > 0;
  event.commands.forEach(showCommand);
  suggest(Object.keys(event.groups));
}

function showDevice({ id, group, state }) {
  let square = squares.get(id);
  if (square === undefined) {
    square = document.createElement("i");
    square.dataset.id = id;
    squares.set(id, square);
    place(square, group);
  }
  square.dataset.on = state.on ?? "";
  square.title = describe(id, state);
  if (id === picked) find("#picked").textContent = square.title;
}

/** Put a square among those of its group, in the order of ids. */
function place(square, name) {
  const { wall } = groups.get(name) ?? addGroup(name);
  const id = square.dataset.id;
  let next = null;
  for (let other = wall.lastChild; other && other.dataset.id > id; other = other.previousSibling) next = other;
  wall.insertBefore(square, next);
}

function addGroup(name) {
  const box = document.createElement("div");
  box.innerHTML = `<h3><span></span> <small></small></h3><div class="wall" aria-hidden="true"></div>`;
  box.querySelector("span").textContent = name;
  const group = { box, wall: box.querySelector(".wall"), count: box.querySelector("small") };
  groups.set(name, group);
  const names = [...groups.keys()].sort();
  find("#groups").replaceChildren(...names.map((each) => groups.get(each).box));
  return group;
}

function describe(id, state) {
  const said = Object.entries(state).map(([key, value]) => `${key} ${value}`);
  return [id, ...said].join(", ");
}

function suggest(names) {
  const targets = ["all", ...names, ...[...squares.keys()].slice(0, NAMED)];
  const list = find("#targets");
  if (list.children.length === targets.length) return;
  list.replaceChildren(...targets.map((target) => new Option("", target)));
}

function showCommand({ command, name, to, devices, finished, counts }) {
  let row = rows.get(command);
  if (row === undefined) {
    row = document.createElement("li");
    row.innerHTML = `<div class="bar"><b></b><small></small></div><progress max="1"></progress><p></p>`;
    rows.set(command, row);
    find("#commands").prepend(row);
  }
  const open = (counts.sent ?? 0) + (counts.confirmed ?? 0);
  row.querySelector("b").textContent = `${name}: ${to}`;
  row.querySelector("small").textContent = `no. ${command}`;
  row.querySelector("progress").value = 1 - open / devices;
  row.querySelector("progress").setAttribute("aria-label", `Command ${command}`);
  row.querySelector("p").textContent = ORDER.filter((key) => key in counts).map((key) => `${counts[key]} ${key}`).join(", ");
  row.dataset.finished = finished;
}

function target(text) {
  if (text === "all") return text;
  return groups.has(text) ? { group: text } : { device: text };
}

async function post(path, content) {
  const response = await fetch(new URL(path, document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
  const answer = await response.json();
  find("#problem").hidden = response.ok;
  find("#problem").textContent = response.ok ? "" : answer.error;
}

function give(event) {
  event.preventDefault();
  const { to, name, timeout } = event.target.elements;
  post("api/commands", { name: name.value, to: target(to.value), timeout: Number(timeout.value) });
}

function pick(event) {
  const square = event.target.closest("i");
  if (!square) return;
  picked = square.dataset.id;
  find("#give").elements.to.value = picked;
  find("#picked").textContent = square.title;
}

find("#give").addEventListener("submit", give);
find("#groups").addEventListener("click", pick);
find("#simulate")?.addEventListener("click", () => post("api/simulate", {}));

const source = new EventSource(new URL("events", document.baseURI));
const status = find("#status");
source.onopen = () => {
  status.dataset.state = "connected";
  status.textContent = "live";
};
source.onerror = () => {
  status.dataset.state = "connecting"; // the browser connects again by itself
  status.textContent = "connecting";
};
source.onmessage = ({ data }) => take(JSON.parse(data));
