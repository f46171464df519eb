// One room, for as long as the page wants it: connects again when the connection is lost, catches up
// from the last message it has seen, and sends again what was not confirmed.

const FIRST_PAUSE = 500; // milliseconds before the next attempt; doubled with each that fails
const LONGEST_PAUSE = 10000;
const PATIENCE = 5000; // milliseconds that a connection may take to open
const DELAY = 1000; // milliseconds after which a message is sent again that could not be passed on

/**
 * Calls `on.hello`, `on.message`, `on.presence`, `on.broker`, `on.refused` with the server's events of
 * these types, and `on.lost()` when the connection is gone. No message is handed over twice.
 */
export class Connection {
  #socket = null;
  #timer = null;
  #failures = 0;
  #last = null; // the id of the last message seen
  #outbox = new Map(); // what was said and has not come back: key -> text
  #left = false;

  constructor(room, name, on) {
    this.room = room;
    this.name = name;
    this.on = on;
    this.retryNow = () => this.#socket === null && this.#open();
    addEventListener("online", this.retryNow);
    this.#open();
  }

  /** Say something, now or as soon as possible; answers the key by which the message comes back. */
  say(text) {
    const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
    this.#outbox.set(key, text);
    this.#send(key);
    return key;
  }

  leave() {
    this.#left = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.retryNow);
    this.#socket?.close();
  }

  #open() {
    clearTimeout(this.#timer);
    const url = new URL(`rooms/${this.room}`, document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("name", this.name);
    if (this.#last !== null) url.searchParams.set("after", this.#last);
    const socket = (this.#socket = new WebSocket(url));
    const patience = setTimeout(() => socket.close(), PATIENCE);
    socket.onopen = () => clearTimeout(patience);
    socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    socket.onclose = () => {
      clearTimeout(patience);
      this.#socket = null;
      if (this.#left) return;
      this.on.lost();
      // With a random part, so that a thousand pages do not come back in the same moment.
      const pause = Math.min(FIRST_PAUSE * 2 ** this.#failures++, LONGEST_PAUSE);
      this.#timer = setTimeout(() => this.#open(), pause * (0.5 + Math.random() / 2));
    };
  }

  #take(event) {
    if (event.type === "hello") this.#greet(event);
    else if (event.type === "message") this.#show(event);
    else if (event.type === "delayed") setTimeout(() => this.#send(event.key), DELAY);
    else {
      if (event.type === "refused") this.#outbox.delete(event.key);
      this.on[event.type](event);
    }
  }

  #greet(event) {
    this.#failures = 0;
    this.on.hello(event);
    event.messages.forEach((message) => this.#show(message));
    this.#last = event.last;
    for (const key of this.#outbox.keys()) this.#send(key); // what had arrived is not in it any more
  }

  #show(message) {
    this.#last = message.id;
    this.#outbox.delete(message.key);
    this.on.message(message);
  }

  #send(key) {
    if (this.#socket?.readyState === WebSocket.OPEN && this.#outbox.has(key)) {
      this.#socket.send(JSON.stringify({ key, text: this.#outbox.get(key) }));
    }
  }
}
