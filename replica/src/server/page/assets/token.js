// The token that allows calls. The printed link has it in the part of the address that browsers do not send.

const KEY = "page-token";
/** The token to use, and the one before: anybody can make a link with a wrong token. */
const TOKENS_KEPT = 2;
let tokens = [];

/** Takes the token out of the address, where it would stay in the history. */
export function takeToken() {
  const found = /^#token=([0-9A-Za-z_-]{8,200})$/.exec(location.hash);
  if (!found) return false;
  keep([found[1], ...read().filter((known) => known !== found[1])]);
  history.replaceState(history.state, "", location.pathname + location.search);
  return true;
}

/** The token, or null. */
export function token() {
  tokens = read();
  return tokens[0] ?? null;
}

/** Forgets a token that the network does not accept. */
export function forgetToken(refused) {
  keep(read().filter((known) => known !== refused));
}

function keep(list) {
  tokens = list.slice(0, TOKENS_KEPT);
  try {
    localStorage.setItem(KEY, tokens.join(" "));
  } catch {
    // Without storage, the tokens last as long as the page.
  }
}

function read() {
  try {
    return (localStorage.getItem(KEY) ?? "").split(" ").filter(Boolean);
  } catch {
    return tokens;
  }
}
