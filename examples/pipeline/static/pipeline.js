// The form with a progress bar, and the result to save. Without this file the form works as well.

const form = document.querySelector("#form");
const progress = document.querySelector("#progress");
const result = document.querySelector("#result");
const digest = document.querySelector("#digest");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const request = new XMLHttpRequest();
  const body = new FormData(form);
  show("running", "");
  step(0);
  progress.hidden = false;
  form.querySelector("button").disabled = true;
  request.upload.addEventListener("progress", (event) => step(event.loaded / event.total));
  request.addEventListener("error", () => show("failed", "The connection broke."));
  request.addEventListener("load", () => finish(request));
  request.addEventListener("loadend", () => {
    progress.hidden = true;
    form.querySelector("button").disabled = false;
  });
  request.open("POST", form.action);
  request.responseType = "blob";
  request.send(body);
});

function step(share) {
  progress.querySelector("progress").value = share;
  progress.querySelector("output").textContent = share < 1 ? `${Math.floor(share * 100)} %` : "sent, waiting";
}

async function finish(request) {
  if (request.status !== 200) {
    const answer = await request.response.text();
    show("failed", JSON.parse(answer).error);
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(request.response);
  link.download = /filename="?([^";]+)/.exec(request.getResponseHeader("Content-Disposition"))[1];
  link.textContent = `Save ${link.download}`;
  show("done", `${request.response.size.toLocaleString()} bytes: `);
  result.append(link);
  digest.textContent = request.getResponseHeader("Repr-Digest");
}

function show(state, text) {
  URL.revokeObjectURL(result.querySelector("a")?.href);
  result.dataset.state = state;
  result.textContent = text;
  digest.textContent = "";
}
