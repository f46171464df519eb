// Sends what the form says, and shows the answer as it came.

const form = document.querySelector("#request");
const fields = form.elements;
const book = { title: "The Island of Doctor Moreau", author_id: 2, year: 1896, shelfmark: "FIC-204" };

const samples = [
  ["Books, three at a time", "GET", "/books?limit=3"],
  ["The newest first", "GET", "/books?sort=-year"],
  ["Titles with a word", "GET", "/books?q=time"],
  ["One book", "GET", "/books/1"],
  ["Authors", "GET", "/authors"],
  ["A new book", "POST", "/books", book],
  ["Change one", "PATCH", "/books/1", { year: 1831 }, '"1"'],
  ["Change one that has changed", "PATCH", "/books/1", { year: 1831 }, '"99"'],
  ["Something wrong", "POST", "/books", { title: "", year: "soon" }],
];

function fill(method, path, body, match) {
  fields.method.value = method;
  fields.path.value = path;
  fields.body.value = body === undefined ? "" : JSON.stringify(body, null, 2);
  fields.match.value = match ?? "";
}

async function send() {
  const headers = {};
  const options = { method: fields.method.value, headers, cache: "no-store" };
  if (fields.match.value) headers["If-Match"] = fields.match.value;
  if (fields.body.value && options.method !== "GET") {
    headers["Content-Type"] = "application/json";
    options.body = fields.body.value;
  }
  try {
    show(await fetch(fields.path.value, options));
  } catch (error) {
    document.querySelector("#status").textContent = `No answer: ${error.message}`;
  }
}

async function show(response) {
  const text = await response.text();
  const status = document.querySelector("#status");
  status.textContent = `${response.status} ${response.statusText}`;
  status.dataset.state = response.ok ? "good" : "bad";
  const names = ["content-type", "etag", "location", "link", "allow", "retry-after"];
  const lines = names.filter((name) => response.headers.has(name))
    .map((name) => `${name}: ${response.headers.get(name)}`);
  put("#headers", lines.join("\n"));
  put("#answer", text.startsWith("{") ? JSON.stringify(JSON.parse(text), null, 2) : text);
  const next = response.headers.get("link")?.match(/<([^>]+)>; rel="next"/);
  document.querySelector("#next").hidden = !next;
  document.querySelector("#next").onclick = (event) => {
    event.preventDefault();
    fill("GET", next[1]);
    send();
  };
}

function put(selector, text) {
  const element = document.querySelector(selector);
  element.textContent = text;
  element.hidden = !text;
}

for (const [name, ...request] of samples) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = name;
  button.onclick = () => {
    fill(...request);
    send();
  };
  document.querySelector("#samples").append(button);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
