// The token that allows calls. The printed link has it in the part of the address that browsers do not send.

const KEY = "page-token";
let own = null;

/** Takes the token out of the address, where it would stay in the history. */
export function takeToken() {
  const found = /^#token=([0-9A-Za-z_-]{8,200})$/.exec(location.hash);
  if (!found) return false;
  own = found[1];
  try {
    localStorage.setItem(KEY, own);
  } catch {
    // Without storage, the token lasts as long as the page.
  }
  history.replaceState(history.state, "", location.pathname + location.search);
  return true;
}

/** The token, or null. */
export function token() {
  try {
    return localStorage.getItem(KEY) ?? own;
  } catch {
    return own;
  }
}

/** Forgets a token that the network does not accept. */
export function forgetToken() {
  own = null;
  try {
    localStorage.removeItem(KEY);
  } catch {
    // There is none.
  }
}
