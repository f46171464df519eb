// The import of a file, with its progress: `fetch` cannot tell how far an upload is, XHR can.

const form = document.querySelector("#import");
const file = document.querySelector("#file");
const drop = document.querySelector("#drop");
const progress = document.querySelector("#progress");
const result = document.querySelector("#result");
const errors = document.querySelector("#errors");

/** Import each file that is chosen or dropped, one at a time. */
export function listen() {
  form.addEventListener("submit", (event) => event.preventDefault());
  file.addEventListener("change", () => file.files.length && send(file.files[0]));
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
    });
  }
  drop.addEventListener("drop", (event) => event.dataTransfer.files.length && send(event.dataTransfer.files[0]));
}

function send(chosen) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append("file", chosen);
  file.disabled = true;
  show("running", "");
  step(0);
  progress.hidden = false;
  request.upload.addEventListener("progress", (event) => step(event.loaded / event.total));
  request.addEventListener("loadend", () => {
    finish(request);
    file.disabled = false;
    file.value = "";
  });
  request.open("POST", form.action);
  request.responseType = "json";
  request.send(body);
}

function step(share) {
  progress.querySelector("progress").value = share;
  progress.querySelector("output").textContent = share < 1 ? `${Math.floor(share * 100)} %` : "sent";
}

function finish(request) {
  const answer = request.response ?? {};
  if (request.status !== 200) {
    progress.hidden = true;
    show("failed", answer.error ?? (request.status ? `The server answered ${request.status}.` : "The connection broke."));
    return;
  }
  const { imported, duplicates, rejected } = answer;
  show("done", `${imported} imported, ${duplicates} already there, ${rejected} rejected.`, answer.errors);
}

function show(state, text, problems = []) {
  result.dataset.state = state;
  result.textContent = text;
  errors.replaceChildren(...problems.map(({ line, error }) => {
    const item = document.createElement("li");
    item.textContent = `Line ${line}: ${error}`;
    return item;
  }));
}
