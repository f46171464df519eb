// Readings as they come in: by a websocket or, where none can be had, by an event stream.
// Both say the same: {"readings": [[device, at, value, id], ...], "lost": count}.

const PAUSE = 1000; // milliseconds before the next attempt
const PATIENCE = 5000; // milliseconds that a websocket may take to open

/**
 * Follow what comes in after the reading with the id `after`.
 * Calls `onReadings(readings, lost)` and `onTransport("connecting" | "websocket" | "sse")`.
 */
export function follow(after, onReadings, onTransport) {
  let last = after;
  let worked = false; // a websocket that has worked once is worth another try

  function address(path) {
    const url = new URL(path, document.baseURI);
    url.searchParams.set("after", last);
    return url;
  }

  function take(text) {
    const { readings, lost } = JSON.parse(text);
    last = readings.at(-1)[3];
    onReadings(readings, lost);
  }

  function byWebsocket() {
    onTransport("connecting");
    const url = address("live");
    url.protocol = url.protocol.replace("http", "ws");
    let socket;
    try {
      socket = new WebSocket(url);
    } catch {
      byEventStream();
      return;
    }
    const timer = setTimeout(() => socket.close(), PATIENCE);
    socket.onopen = () => {
      clearTimeout(timer);
      worked = true;
      onTransport("websocket");
    };
    socket.onmessage = (event) => take(event.data);
    socket.onclose = () => {
      clearTimeout(timer);
      onTransport("connecting");
      if (worked) setTimeout(byWebsocket, PAUSE);
      else byEventStream();
    };
  }

  function byEventStream() {
    onTransport("connecting");
    const source = new EventSource(address("events"));
    source.onopen = () => onTransport("sse");
    source.onmessage = (event) => take(event.data);
    source.onerror = () => {
      onTransport("connecting"); // the browser reconnects, and says what it has seen last
      if (source.readyState === EventSource.CLOSED) setTimeout(byEventStream, PAUSE);
    };
  }

  byWebsocket();
}
