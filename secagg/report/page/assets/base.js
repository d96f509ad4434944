// The data, and how elements are made: text only ever becomes text, never markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const PROBLEMS = DATA.problems;
const SEVERITIES = ["critical", "high", "unknown", "medium", "low", "none"];
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

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === "") continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
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

const day = (at) => (at ? String(at).slice(0, 10) : "");
const number = (n) => n.toLocaleString("en");
const plural = (n, word) => `${number(n)} ${word}${n === 1 ? "" : "s"}`;

function age(days) {
  if (days === undefined || days === null) return "";
  if (days === 0) return "today";
  return days < 90 ? `${days} d` : `${Math.round(days / 30)} mo`;
}

function lateBy(problem) {
  return Math.round((Date.parse(DATA.today) - Date.parse(problem.due)) / 86400000);
}

function badge(label) {
  return make("span", { class: `badge s-${SEVERITIES.includes(label) ? label : "unknown"}` }, label);
}
