// Server-sent events from an answer to `fetch`, which can POST, as `EventSource` cannot.

/** The events in `response`, one after the other, with their data read as JSON. */
export async function* eventsOf(response) {
  let rest = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map(field));
      if (fields.data !== undefined) yield { event: fields.event ?? "message", data: JSON.parse(fields.data) };
    }
  }
}

function field(line) {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
}
