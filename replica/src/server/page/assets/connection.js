// The event stream of the network. It connects again by itself.

/** The first and the longest pause before the page connects again, in milliseconds. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;

/**
 * Follows the events while the page is visible: a browser has few connections to a server for all its tabs together.
 * `handlers` has `opened`, `lost` and a handler for each kind of event, which gets the data.
 */
export function follow(handlers) {
  let pause = FIRST_PAUSE;
  let source = null;
  let timer;
  const connect = () => {
    if (source || document.hidden) return;
    const opened = (source = new EventSource("/page/events"));
    opened.addEventListener("open", () => {
      pause = FIRST_PAUSE;
      handlers.opened();
    });
    for (const kind of ["state", "calls", "log"]) {
      opened.addEventListener(kind, (event) => handlers[kind](JSON.parse(event.data)));
    }
    opened.addEventListener("error", () => {
      // The browser would try again, too, but not after each kind of failure.
      disconnect();
      handlers.lost();
      timer = setTimeout(connect, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    });
  };
  const disconnect = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  document.addEventListener("visibilitychange", () => {
    disconnect();
    connect();
  });
  connect();
}
