// The data, and how elements are made: text only ever becomes text, never markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const PROBLEMS = DATA.problems;
const SEVERITIES = ["critical", "high", "unknown", "medium", "low", "none"];
const RANKS = { critical: 4, high: 3, unknown: 3, medium: 2, low: 1, none: 0 };
const ACTIVE = ["open", "confirmed"];

const byId = (id) => document.getElementById(id);

function make(tag, options, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(options || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "onclick") element.addEventListener("click", value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

// What is nothing (undefined, false, NaN) is not written; what is no text is a mistake of ours.
function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child instanceof Node) element.append(child);
    else if (typeof child === "string" || Number.isFinite(child)) element.append(document.createTextNode(String(child)));
    else if (typeof child === "object" && child !== null) throw new TypeError("an object is no text");
  }
  return element;
}

// A link for http and https only: nothing else that a report names is followed.
function link(address, text) {
  let parsed = null;
  try { parsed = new URL(address); } catch { parsed = null; }
  if (!parsed || !["https:", "http:"].includes(parsed.protocol)) return make("span", {}, text || address);
  return make("a", { href: parsed.href, target: "_blank", rel: "noopener noreferrer" }, text || address);
}

const PAGES = DATA.pages.map(([pattern, page]) => [new RegExp(`^(?:${pattern})$`), page]);

// An id of an advisory or weakness, with a link to its page where there is one.
function advisory(id) {
  for (const [pattern, page] of PAGES) {
    const found = pattern.exec(id);
    if (found) return link(page.replace("{}", found[1] || id), id);
  }
  return id;
}

const COMMITS = new Map(DATA.runs.map((run) => [`${run.repository}\n${run.branch}`, run.commit]));

// A file at a line, as a link to the code at the commit that was looked at, where it can be seen.
function codeLink(p, place, text) {
  const commit = place.commit || COMMITS.get(`${p.repository}\n${p.branch}`);
  const shown = text || placeOf(place);
  if (!DATA.code || DATA.code.repository !== p.repository || !commit || !place.uri
    || place.uri.startsWith("/") || place.uri.includes("://") || place.uri.split("/").includes("..")) return shown;
  const path = place.uri.split("/").map(encodeURIComponent).join("/");
  return link(`${DATA.code.files}${encodeURIComponent(commit)}/${path}${place.line ? `#L${place.line}` : ""}`, shown);
}

function placeOf(place) {
  if (!place.uri) return "(no location)";
  return place.line ? `${place.uri}:${place.line}` : place.uri;
}

// A name whose middle is left out where there is no room: both of its ends tell it from others.
// It is read aloud and copied whole.
function middle(text) {
  const letters = [...text];
  if (letters.length <= 20) return make("span", { class: "middle whole", title: text }, text);
  const tail = Math.min(14, letters.length >> 1);
  return [make("span", { class: "middle", title: text, "aria-hidden": "true" },
    make("span", { class: "head" }, letters.slice(0, letters.length - tail).join("")),
    make("span", { class: "tail" }, letters.slice(letters.length - tail).join(""))),
  make("span", { class: "hidden" }, text)];
}

const day = (at) => (at ? String(at).slice(0, 10) : "");
const NUMBERS = new Intl.NumberFormat("en");
const number = (n) => NUMBERS.format(n);
const plural = (n, word) => `${number(n)} ${word}${n === 1 ? "" : "s"}`;
// A moment is one word: no line breaks within it.
const moment = (at) => make("time", { datetime: at }, `${at.slice(0, 16).replace("T", " ")} UTC`);

function badge(label) {
  return make("span", { class: `badge s-${SEVERITIES.includes(label) ? label : "unknown"}` }, label);
}

// As Python's str.casefold, so that the page finds what `secagg report --search` finds.
function fold(text) {
  if (!/[^\x00-\x7f]/.test(text)) return text.toLowerCase();
  return text.split("\u0131").map((part) => part.toLowerCase().toUpperCase().toLowerCase().replaceAll("\u03c2", "\u03c3")).join("\u0131");
}

// By code points, as Python compares.
function compare(a, b) {
  if (a === b) return 0;
  if (typeof a !== "string" || typeof b !== "string" || !/[\ud800-\udfff]/.test(a + b)) return a < b ? -1 : 1;
  const [one, other] = [[...a], [...b]];
  const at = one.findIndex((letter, i) => letter !== other[i]);
  if (at < 0) return -1;
  return at >= other.length || one[at].codePointAt(0) > other[at].codePointAt(0) ? 1 : -1;
}

function compareAll(a, b) {
  for (let i = 0; i < a.length; i += 1) {
    const found = compare(a[i], b[i]);
    if (found) return found;
  }
  return 0;
}
