// The timeline of the calls of a group, drawn as in the benchmark's report: each call is a bar over model time. Many
// calls are drawn together, in bands. Calls that failed are hatched.

import { count, duration, grouped, refusal } from "./words.js";
import { itemsOf } from "./store.js";

/** More rows than this are drawn in bands. About how many bands a picture has. */
const ROWS_MOST = 200;
const BANDS = 150;
/** Sizes in pixels. */
const ROW_MOST = 14;
const LANE = 12;
const LANE_GAP = 4;
const AXIS = 38;
const TOP = 10;
const RIGHT = 14;
/** The least widths of bars, of the mark of the callee, and of the mark for calls that were refused. */
const BAR_LEAST = 1.2;
const CALLEE_LEAST = 3;
const FAILED_LEAST = 6;
const REFUSED_WIDTH = 22;
/** The least width of a line that stands for several calls: they are to be seen beside those that were refused. */
const BAND_LEAST = REFUSED_WIDTH;
/** Calls that were sent farther apart than this are in different bands; bands wider than this do not look like a call. */
const APART = 4;
const WIDE = 2;

/** The least time of a picture with open calls, in milliseconds: they are drawn up to its end. */
const OPEN_LEAST = 1000;

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
const COLOURS = ["out", "callee", "back", "bad", "bad-ground", "open-call", "caller", "ink", "soft", "grid"];

/** The colours of the page, which follow the reader's light or dark scheme. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Where everything of a picture is: bands with their places. `width` is that of the picture in pixels. */
export function layout(group, width) {
  const items = itemsOf(group);
  const rows = items.reduce((sum, item) => sum + (item.refused?.calls ?? 1), 0);
  const left = width < 480 ? 44 : 80;
  const isWaiting = group.totals.open > 0;
  const span = Math.max(group.end - group.start, isWaiting ? OPEN_LEAST : 0.001);
  const scale = { from: left, to: width - RIGHT, start: group.start, span };
  const x = (time) => scale.from + (scale.to - scale.from) * Math.min(1, Math.max(0, (time - scale.start) / span));
  const rowsHeight = width < 480 ? 200 : 260;
  const row = Math.min(ROW_MOST, rowsHeight / Math.max(rows, 1));
  const perBand = rows <= ROWS_MOST ? 1 : Math.ceil(rows / BANDS);
  const bands = [];
  let number = group.thinned + 1;
  let y = TOP;
  for (const { call, refused } of items) {
    const last = bands[bands.length - 1];
    if (refused) {
      bands.push({ refused, first: number, y, height: Math.max(row * refused.calls, 3) });
      number += refused.calls;
      y += row * refused.calls;
      continue;
    }
    const previous = last?.calls?.[last.calls.length - 1];
    if (previous && last.calls.length < perBand && x(call.sent) - x(previous.sent) <= APART) {
      last.calls.push(call);
      last.height += row;
    } else {
      bands.push({ calls: [call], first: number, y, height: row });
    }
    number += 1;
    y += row;
  }
  for (const band of bands.filter(({ calls }) => calls)) {
    const { calls } = band;
    band.isWide = x(calls[calls.length - 1].sent) - x(calls[0].sent) >= WIDE;
  }
  const bottom = TOP + row * rows;
  const lanesTop = bottom + 2 * LANE_GAP;
  const lanesBottom = lanesTop + 3 * (LANE + LANE_GAP);
  return { items, rows, row, bands, x, scale, perBand, bottom, lanesTop, lanesBottom, height: lanesBottom + AXIS };
}

/** Draws a layout on a canvas of this width. */
export function draw(canvas, plan, width, names) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const [pixels, lines] = [Math.round(width * ratio), Math.round(plan.height * ratio)];
  // A canvas that changes its size is empty again.
  if (canvas.width !== pixels) canvas.width = pixels;
  if (canvas.height !== lines) canvas.height = lines;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, plan.height);
  const ink = colours();
  const painter = { pen, ink, plan, hatch: hatch(pen, ink), names };
  axis(painter, width);
  rowNumbers(painter);
  for (const band of plan.bands) drawBand(painter, band);
  slots(painter);
  lanes(painter);
}

/** The pattern for what failed. */
function hatch(pen, ink) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const brush = tile.getContext("2d");
  brush.fillStyle = ink["bad-ground"];
  brush.fillRect(0, 0, 8, 8);
  brush.strokeStyle = ink.bad;
  brush.lineWidth = 2;
  brush.beginPath();
  for (const shift of [-8, 0, 8]) {
    brush.moveTo(shift - 2, 10);
    brush.lineTo(shift + 10, -2);
  }
  brush.stroke();
  return pen.createPattern(tile, "repeat");
}

function rect({ pen, ink }, colour, x, y, width, height) {
  pen.fillStyle = ink[colour];
  pen.fillRect(x, y, Math.max(width, 0), Math.max(height, 0));
}

function hatched({ pen, ink, hatch: pattern }, x, y, width, height) {
  pen.fillStyle = pattern;
  pen.fillRect(x, y, width, height);
  if (height >= 4) {
    pen.strokeStyle = ink.bad;
    pen.lineWidth = 1;
    pen.strokeRect(x + 0.5, y + 0.5, Math.max(width - 1, 0.5), height - 1);
  }
}

function label({ pen, ink }, text, x, y, align = "left", colour = "soft", weight = "") {
  pen.font = `${weight} 12px ${FONT}`;
  pen.textAlign = align;
  pen.fillStyle = ink[colour];
  pen.fillText(text, x, y);
}

function line({ pen, ink }, colour, from, to, width = 1) {
  pen.strokeStyle = ink[colour];
  pen.lineWidth = width;
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
}

/** The axis of time below the chart, with lines through it. */
function axis(painter, width) {
  const { x, scale, lanesBottom } = painter.plan;
  const [unit, name] = scale.span >= 1000 ? [1000, "s"] : scale.span >= 1 ? [1, "ms"] : [0.001, "us"];
  const step = roundStep(scale.span / unit / (width < 480 ? 4 : 8));
  for (let tick = 0; tick * step <= (scale.span / unit) * 1.000001; tick += 1) {
    const at = Math.round(x(scale.start + tick * step * unit)) + 0.5;
    line(painter, "grid", [at, TOP], [at, lanesBottom]);
    label(painter, grouped(Number((tick * step).toPrecision(6))), at, lanesBottom + 16, "center");
  }
  line(painter, "soft", [scale.from, lanesBottom + 0.5], [scale.to, lanesBottom + 0.5]);
  label(painter, `model time (mainnet) in ${name}`, scale.to, lanesBottom + 32, "right");
}

/** The smallest of 1, 2, 5, 10, 20, 50, … that is not below this number. */
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= least * 0.999999) ?? power * 10;
}

function rowNumbers(painter) {
  const { rows, row, scale, bands } = painter.plan;
  if (rows === 0) return;
  const first = bands[0].first;
  const y = (index) => TOP + row * (index + 0.5) + 4;
  const step = Math.max(1, Math.floor(rows / 4));
  const indices = [];
  for (let index = 0; index < rows - 1; index += step) if (y(rows - 1) - y(index) >= ROW_MOST) indices.push(index);
  for (const index of [...indices, rows - 1]) {
    label(painter, grouped(first + index), scale.from - 8, Math.max(y(index), TOP + 9), "right");
  }
}

function hasFailed(call) {
  return call.outcome === "rejected";
}

function drawBand(painter, band) {
  const { x, row, scale } = painter.plan;
  if (band.refused) {
    const at = Math.min(x(band.refused.at), scale.to - REFUSED_WIDTH);
    hatched(painter, at, band.y, REFUSED_WIDTH, band.height);
    const words = `${count(band.refused.calls, "call")} refused: ${refusal(band.refused.limit, painter.names(band.refused.callee)).short}`;
    if (band.height > 40) sideText(painter, words, at, band.y + band.height / 2 + 4);
    return;
  }
  const { calls, y } = band;
  if (calls.length === 1) {
    bar(painter, calls[0], y, row * (row > 3 ? 0.75 : 0.9));
    return;
  }
  const failed = calls.filter(hasFailed);
  const others = calls.filter((call) => !hasFailed(call));
  const height = row * calls.length * 0.9;
  const othersHeight = (height * others.length) / calls.length;
  const sent = Math.min(x(calls[0].sent), scale.to - BAND_LEAST);
  if (others.length > 0) {
    if (band.isWide) rect(painter, "open-call", sent, y, Math.max(latest(painter, others) - sent, BAND_LEAST), othersHeight);
    else bar(painter, others[0], y, othersHeight, BAND_LEAST);
  }
  if (failed.length > 0) {
    const last = Math.max(latest(painter, failed), sent + BAND_LEAST);
    const from = Math.max(Math.min(x(failed[0].ended ?? scale.start), last - FAILED_LEAST), sent);
    rect(painter, "open-call", sent, y + othersHeight, from - sent, height - othersHeight);
    hatched(painter, from, y + othersHeight, last - from, height - othersHeight);
  }
}

/** A text beside a mark: on the side with more room, or below the mark if neither side has enough. */
function sideText(painter, words, at, y) {
  const { pen, plan } = painter;
  pen.font = `600 12px ${FONT}`;
  const size = pen.measureText(words).width;
  if (at + REFUSED_WIDTH + 8 + size <= plan.scale.to) label(painter, words, at + REFUSED_WIDTH + 8, y, "left", "bad", "600");
  else if (at - 8 - size >= plan.scale.from) label(painter, words, at - 8, y, "right", "bad", "600");
  else {
    const half = words.indexOf(": ") + 1;
    label(painter, words.slice(0, half), at + REFUSED_WIDTH + 8, y - 8, "left", "bad", "600");
    label(painter, words.slice(half + 1), at + REFUSED_WIDTH + 8, y + 8, "left", "bad", "600");
  }
}

function latest({ plan }, calls) {
  return Math.max(...calls.map((call) => plan.x(endOf(plan, call))));
}

/** When a call ended: an open call has not ended yet, and of some calls only the beginning was seen. */
function endOf({ scale }, call) {
  return call.ended ?? (call.outcome === "unseen" ? (call.executed ?? call.sent) : scale.start + scale.span);
}

/**
 * The bar of a call: the request travels, the callee executes, the response travels. A bar that is narrower than
 * `least` is stretched.
 */
function bar(painter, call, y, height, least = 0) {
  const { x, scale } = painter.plan;
  let [sent, executed, ended] = [call.sent, call.executed ?? call.sent, endOf(painter.plan, call)].map(x);
  if (ended - sent < least) {
    const part = ended > sent ? (executed - sent) / (ended - sent) : 0.5;
    sent = Math.min(sent, scale.to - least);
    [executed, ended] = [sent + part * least, sent + least];
  }
  if (call.outcome === "unseen") {
    rect(painter, "open-call", sent, y, Math.max(ended - sent, CALLEE_LEAST), height);
    return;
  }
  if (hasFailed(call)) {
    hatched(painter, sent, y, Math.max(ended - sent, BAR_LEAST), height);
    const size = Math.min(4, Math.max(2, height / 2));
    const middle = y + height / 2;
    line(painter, "bad", [ended - size, middle - size], [ended + size, middle + size], 2);
    line(painter, "bad", [ended - size, middle + size], [ended + size, middle - size], 2);
    return;
  }
  if (call.executed === null) {
    rect(painter, "out", sent, y, Math.max(ended - sent, BAR_LEAST), height);
    return;
  }
  rect(painter, "out", sent, y, Math.max(executed - sent, BAR_LEAST), height);
  rect(painter, "back", executed, y, Math.max(ended - executed, BAR_LEAST), height);
  const mark = Math.min(CALLEE_LEAST, (ended - sent) / 3);
  rect(painter, "callee", executed - mark / 2, y, mark, height);
}

/** The limit that refused calls met: a line below the calls that were made before. */
function slots(painter) {
  const { bands, scale } = painter.plan;
  const full = bands.find(({ refused, y }) => refused && y > TOP && refusal(refused.limit, "").isSlots);
  if (!full) return;
  const { pen } = painter;
  pen.save();
  pen.setLineDash([7, 4]);
  line(painter, "bad", [scale.from, full.y], [scale.to, full.y], 2);
  pen.restore();
  pen.font = `600 12px ${FONT}`;
  const words = "500 slots";
  const size = pen.measureText(words).width;
  const isAtEnd = painter.plan.x(full.refused.at) + REFUSED_WIDTH > scale.to - size - 4;
  label(painter, words, isAtEnd ? scale.from + 4 : scale.to - size, full.y + 15, "left", "bad", "600");
}

/** Three lanes below the chart: when the caller worked, when messages travelled, when the callee worked. */
function lanes(painter) {
  const { items, x, scale, lanesTop } = painter.plan;
  const calls = items.filter(({ call }) => call).map(({ call }) => call);
  const ended = (call) => endOf(painter.plan, call);
  const moments = (times) => times.filter((time) => time !== null).map((time) => [time, time]);
  const all = [
    ["caller", "caller", moments(calls.flatMap(({ sent, ended: end }) => [sent, end]))],
    ["on the way", "back", calls.map((call) => [call.sent, ended(call)])],
    ["callee", "callee", moments(calls.map(({ executed }) => executed))],
  ];
  all.forEach(([name, colour, spans], index) => {
    const y = lanesTop + index * (LANE + LANE_GAP);
    painter.pen.globalAlpha = 0.45;
    rect(painter, "grid", scale.from, y, scale.to - scale.from, LANE);
    painter.pen.globalAlpha = 1;
    label(painter, scale.from < 60 && name === "on the way" ? "way" : name, scale.from - 6, y + LANE - 2, "right");
    for (const [from, to] of marks(spans, x, scale)) rect(painter, colour, from, y, to - from, LANE);
  });
}

/** Spans of time as marks. Marks that touch are one. */
function marks(spans, x, scale) {
  const found = [];
  for (const [start, end] of spans.sort((one, other) => one[0] - other[0])) {
    const from = Math.min(x(start), scale.to - 2);
    const to = Math.max(x(end), from + 2);
    const last = found[found.length - 1];
    if (last && from <= last[1] + 0.3) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}

/** The band at a place of the picture. */
export function bandAt(plan, y) {
  return plan.bands.find((band) => y >= band.y && y < band.y + Math.max(band.height, plan.row));
}

/** The story of a band, for a line of text and for the table. */
export function story(group, band, names) {
  const since = (time) => duration(Math.max(0, time - group.start));
  if (band.refused) {
    const { calls, at, limit, callee } = band.refused;
    return {
      calls: numbers(band.first, calls),
      sent: since(at),
      ended: since(at),
      outcome: `refused: ${refusal(limit, names(callee)).short}`,
      bad: true,
    };
  }
  const { calls, first } = band;
  const range = (times) => {
    const known = times.filter((time) => time !== null);
    if (known.length === 0) return "–";
    const [from, to] = [since(Math.min(...known)), since(Math.max(...known))];
    return from === to ? from : `${from} to ${to}`;
  };
  const outcomes = new Map();
  for (const call of calls) {
    const words = call.outcome === "unseen" ? "end not seen" : call.outcome === "rejected" ? `rejected: ${call.error?.code ?? call.error?.message ?? "no reason"}` : call.outcome;
    outcomes.set(words, (outcomes.get(words) ?? 0) + 1);
  }
  const words = [...outcomes].map(([outcome, number]) => (calls.length > 1 ? `${grouped(number)} ${outcome}` : outcome));
  return {
    calls: numbers(first, calls.length),
    sent: range(calls.map((call) => call.sent)),
    ended: range(calls.map((call) => call.ended)),
    outcome: words.join(", "),
    bad: calls.some(hasFailed),
  };
}

function numbers(first, calls) {
  return calls === 1 ? grouped(first) : `${grouped(first)} to ${grouped(first + calls - 1)}`;
}
