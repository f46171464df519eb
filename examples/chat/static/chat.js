// The page: a door where one says who one is, and behind it a room.

import { Connection } from "./connection.js";

const find = (selector) => document.querySelector(selector);
const messages = find("#messages");
const pending = new Map(); // what was said here and has not come back: key -> its line
const here = new Set();
let connection = null;

function enter(room, name) {
  localStorage.setItem("name", name);
  location.hash = room;
  document.title = `#${room}`;
  find("#title").textContent = room;
  find("#door").hidden = true;
  find("#room").hidden = false;
  show("connecting", "connecting");
  connection = new Connection(room, name, { hello, message, presence, broker, refused, lost });
  find("#text").focus();
}

function leave() {
  connection.leave();
  connection = null;
  pending.clear();
  messages.replaceChildren();
  location.hash = "";
  document.title = "Chat";
  find("#room").hidden = true;
  open();
}

async function open() {
  const form = find("#enter");
  form.elements.name.value = localStorage.getItem("name") ?? "";
  form.elements.room.value = decodeURIComponent(location.hash.slice(1)) || "lobby";
  find("#door").hidden = false;
  form.elements.name.focus();
  const { rooms } = await (await fetch(new URL("api/rooms", document.baseURI))).json();
  find("#rooms").replaceChildren(...rooms.map(({ room }) => new Option(room)));
}

// What the server says

function hello(event) {
  if (event.gap) note("Some messages before this may be missing.");
  here.clear();
  presence({ joined: event.names, left: [] }, false);
  broker(event);
}

function message({ key, name, text, at }) {
  pending.get(key)?.remove();
  pending.delete(key);
  add(line(name, text, at));
}

function presence({ joined, left }, told = true) {
  joined.forEach((name) => here.add(name));
  left.forEach((name) => here.delete(name));
  find("#count").textContent = here.size;
  find("#here").replaceChildren(
    ...[...here].sort((one, other) => one.localeCompare(other)).map((name) => {
      const item = document.createElement("li");
      item.textContent = name;
      item.classList.toggle("me", name === connection?.name);
      return item;
    }),
  );
  if (!told) return;
  if (joined.length) note(`${joined.join(", ")} joined`);
  if (left.length) note(`${left.join(", ")} left`);
}

function broker({ connected }) {
  if (connected) show("connected", "connected");
  else show("cut-off", "cut off, messages wait");
}

function refused({ key, error }) {
  pending.get(key)?.remove();
  pending.delete(key);
  find("#problem").textContent = error;
  find("#problem").hidden = false;
}

function lost() {
  show("connecting", "connecting again");
}

// What is seen

function show(state, text) {
  find("#status").dataset.state = state;
  find("#status").textContent = text;
}

function line(name, text, at) {
  const item = document.createElement("li");
  const who = document.createElement("b");
  const time = document.createElement("time");
  const said = document.createElement("p");
  const moment = new Date(at);
  who.textContent = name;
  time.dateTime = moment.toISOString();
  time.textContent = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  said.textContent = text; // text and never HTML: whatever somebody types is only shown
  item.append(who, time, said);
  item.classList.toggle("me", name === connection?.name);
  return item;
}

function note(text) {
  const item = document.createElement("li");
  item.className = "note";
  item.textContent = text;
  add(item);
}

/** Put a line below the others, but above what has not come back; scroll on if at the end. */
function add(item) {
  const following = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 40;
  messages.insertBefore(item, pending.values().next().value ?? null);
  if (following) messages.scrollTop = messages.scrollHeight;
}

function say(event) {
  event.preventDefault();
  const field = find("#text");
  const text = field.value.trim();
  find("#problem").hidden = true;
  field.value = "";
  if (!text) return;
  const item = line(connection.name, text, Date.now());
  item.classList.add("pending");
  pending.set(connection.say(text), item);
  messages.append(item);
  messages.scrollTop = messages.scrollHeight;
}

find("#enter").addEventListener("submit", (event) => {
  event.preventDefault();
  const { room, name } = event.target.elements;
  enter(room.value, name.value.trim().replace(/\s+/g, " "));
});
find("#leave").addEventListener("click", leave);
find("#say").addEventListener("submit", say);

const room = decodeURIComponent(location.hash.slice(1));
const name = localStorage.getItem("name");
if (name && /^[a-z0-9][a-z0-9-]{0,29}$/.test(room)) enter(room, name);
else open();
