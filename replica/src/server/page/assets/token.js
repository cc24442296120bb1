// The token that allows calls. The printed link has it in the part of the address that browsers do not send.

const KEY = "page-token";
/** The tokens that may be right, the newest first: anybody can make links with wrong ones. */
const TOKENS_KEPT = 8;
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

/** Keeps only a token that the network has accepted. */
export function acceptToken(accepted) {
  keep([accepted]);
}

/** Forgets a token that the network does not accept. */
export function forgetToken(refused) {
  keep(read().filter((known) => known !== refused));
}

function keep(list) {
  // The oldest one may have been accepted. It stays until the network refuses it.
  tokens = list.length > TOKENS_KEPT ? [...list.slice(0, TOKENS_KEPT - 1), list.at(-1)] : list;
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
