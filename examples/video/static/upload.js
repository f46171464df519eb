// The upload of a video, as it is and not in a form: `fetch` cannot tell how far it is, XHR can.

const form = document.querySelector("#upload");
const file = document.querySelector("#file");
const drop = document.querySelector("#drop");
const progress = document.querySelector("#progress");
const result = document.querySelector("#result");
const types = file.accept.split(",");

form.addEventListener("submit", (event) => event.preventDefault());
file.addEventListener("change", () => file.files.length && send(file.files[0]));
for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
  });
}
drop.addEventListener("drop", (event) => event.dataTransfer.files.length && send(event.dataTransfer.files[0]));

/** What is wrong with the file, if that can be told here; the server looks for itself. */
function problem(chosen) {
  const largest = Number(form.dataset.largest);
  if (!types.includes(chosen.type)) return `${chosen.name} is neither MP4 nor WebM.`;
  if (chosen.size > largest) return `${chosen.name} has ${chosen.size.toLocaleString()} bytes, and ${largest.toLocaleString()} are allowed.`;
  return "";
}

function send(chosen) {
  const wrong = problem(chosen);
  show(wrong ? "failed" : "running", wrong);
  file.value = "";
  if (wrong) return;
  const request = new XMLHttpRequest();
  const url = new URL(form.action);
  url.searchParams.set("name", chosen.name);
  step(0);
  file.disabled = true;
  progress.hidden = false;
  progress.querySelector("button").onclick = () => request.abort();
  request.upload.addEventListener("progress", (event) => step(event.loaded / event.total));
  request.addEventListener("abort", () => show("failed", "Cancelled. Nothing was kept."));
  request.addEventListener("error", () => show("failed", "The connection broke. Nothing was kept."));
  request.addEventListener("load", () => finish(request));
  request.addEventListener("loadend", () => {
    file.disabled = false;
    progress.hidden = true;
  });
  request.open("POST", url);
  request.setRequestHeader("Content-Type", chosen.type);
  request.responseType = "json";
  request.send(chosen);
}

function step(share) {
  progress.querySelector("progress").value = share;
  progress.querySelector("output").textContent = `${Math.floor(share * 100)} %`;
}

function finish(request) {
  if (request.status === 201) location.assign(request.response.page);
  else show("failed", request.response?.error ?? `The server answered ${request.status}.`);
}

function show(state, text) {
  result.dataset.state = state;
  result.textContent = text;
}
