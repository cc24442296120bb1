// The event stream of the network. It connects again by itself.

/** The first and the longest pause before the page connects again, in milliseconds. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8000;

/**
 * Follows the events. `handlers` has `opened`, `lost` and a handler for each kind of event, which gets the data.
 */
export function follow(handlers) {
  let pause = FIRST_PAUSE;
  const connect = () => {
    const source = new EventSource("/page/events");
    source.addEventListener("open", () => {
      pause = FIRST_PAUSE;
      handlers.opened();
    });
    for (const kind of ["state", "calls", "log"]) {
      source.addEventListener(kind, (event) => handlers[kind](JSON.parse(event.data)));
    }
    source.addEventListener("error", () => {
      // The browser would try again, too, but not after each kind of failure.
      source.close();
      handlers.lost();
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    });
  };
  connect();
}
