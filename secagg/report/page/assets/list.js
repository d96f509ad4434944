// The list: only the rows on the screen exist, however many there are.
const list = byId("list");
const narrow = matchMedia("(max-width: 760px)");
const SPARE = 8;
const HEAD = 40;
const PRINTED = 5000;
// What the list shows, from above: problems by their number, and the heads of groups.
let items = [];
let problemsShown = 0;
let active = -1;
let rows = new Map();
let pending = false;
const folded = new Set();
const picked = new Set();
let pickedLast = -1;

const rowHeight = () => (narrow.matches ? 96 : 62);

function showList(found) {
  for (const row of rows.values()) row.remove();
  rows = new Map();
  items = [];
  problemsShown = 0;
  let top = 0;
  const height = rowHeight();
  const add = (i) => {
    problemsShown += 1;
    items.push({ i, top, height, position: problemsShown });
    top += height;
  };
  if (asked.group) {
    for (const group of sections(found)) {
      items.push({ group, top, height: HEAD });
      top += HEAD;
      if (!folded.has(group.name)) group.rows.forEach(add);
    }
  } else found.forEach(add);
  list.style.height = `${top}px`;
  list.hidden = items.length === 0;
  byId("none").hidden = items.length !== 0;
  byId("none").textContent = PROBLEMS.length ? "No problem matches." : "No problem is recorded.";
  active = asked.id ? items.findIndex((item) => item.i !== undefined && PROBLEMS[item.i].identity === asked.id) : -1;
  drawRows();
}

// The first item that ends below `y`.
function itemAt(y) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const half = (low + high) >> 1;
    if (items[half].top + items[half].height <= y) low = half + 1;
    else high = half;
  }
  return low;
}

function drawRows(event, everything) {
  pending = false;
  const above = list.getBoundingClientRect().top;
  const first = everything ? 0 : Math.max(0, itemAt(-above) - SPARE);
  const last = everything ? Math.min(items.length, PRINTED) : Math.min(items.length, itemAt(innerHeight - above) + SPARE + 1);
  for (const [at, row] of rows) {
    if (at < first || at >= last) {
      row.remove();
      rows.delete(at);
    }
  }
  const added = document.createDocumentFragment();
  for (let at = first; at < last; at += 1) {
    if (rows.has(at)) continue;
    const item = items[at];
    const row = item.group ? makeHead(item.group) : makeRow(PROBLEMS[item.i], item, at);
    row.dataset.at = at;
    row.style.transform = `translateY(${item.top}px)`;
    rows.set(at, row);
    added.append(row);
  }
  list.append(added);
  markRows();
}

function makeHead(group) {
  return make("div", { class: "group-head", role: "presentation" },
    make("span", { class: "fold", "aria-hidden": "true" }, folded.has(group.name) ? "\u25b8" : "\u25be"),
    make("b", {}, middle(group.name)), make("span", { class: "n" }, plural(group.rows.length, "problem")));
}

function makeRow(p, item, at) {
  const tags = [];
  if (p.news && p.news !== "fixed") tags.push(make("span", { class: "tag fresh" }, p.news));
  if (p.approval) tags.push(make("span", { class: "tag late" }, p.approval));
  if (!ACTIVE.includes(p.state) || p.state === "confirmed") tags.push(make("span", { class: "tag" }, p.state));
  if (p.kev) tags.push(make("span", { class: "tag late" }, "exploited"));
  if (p.verified) tags.push(make("span", { class: "tag late" }, "verified"));
  return make("div", {
    class: "row", role: "option", id: `row-${at}`, "aria-selected": "false",
    "aria-posinset": item.position, "aria-setsize": problemsShown,
  },
  make("div", { class: "cell-pick", "aria-hidden": "true" }, make("span", { class: "box" })),
  make("div", { class: "cell-severity" }, badge(p.label)),
  make("div", { class: "cell-what" },
    make("div", { class: "what" }, make("b", {}, middle(p.what))),
    make("div", { class: "detail" }, tags, make("span", {}, [whose(p), p.detail].filter(Boolean).join(" \u00b7 ")))),
  make("div", { class: "cell-where" },
    make("div", { class: "where" }, middle(p.where)),
    make("div", { class: "fix" }, p.remedy)),
  make("div", { class: "cell-owner" },
    make("div", {}, (p.owners || []).join(", ")),
    make("div", { class: "muted", title: whose(p) }, middle(p.component || "."))),
  make("div", { class: "cell-age" },
    make("div", {}, p.age),
    p.late ? make("div", { class: "late" }, p.late) : make("div", { class: "muted" }, p.due && `due ${p.due}`)),
  make("div", { class: "cell-tools" }, (p.tools || []).join(", ")));
}

function markRows() {
  for (const [at, row] of rows) {
    row.classList.toggle("active", at === active);
    if (items[at].group) continue;
    const is = picked.has(items[at].i);
    row.classList.toggle("picked", is);
    row.setAttribute("aria-selected", String(is));
  }
  if (rows.has(active)) list.setAttribute("aria-activedescendant", `row-${active}`);
  else list.removeAttribute("aria-activedescendant");
}

const current = () => (active >= 0 && items[active] ? PROBLEMS[items[active].i] : undefined);

// Move to the item at a place, or to the next problem in that direction where a group begins there.
function moveTo(at, step = 1) {
  let next = Math.max(0, Math.min(items.length - 1, at));
  while (items[next] && items[next].group) next += step;
  if (!items[next]) return;
  active = next;
  const { top: own, height } = items[active];
  const top = list.getBoundingClientRect().top + own;
  const covered = byId("filters").getBoundingClientRect().bottom;
  if (top < covered) scrollBy(0, top - covered - 8);
  else if (top + height > innerHeight - 8) scrollBy(0, top + height - innerHeight + 72);
  drawRows();
  if (!byId("details").hidden) openDetails(current(), false);
}

function pick(at, { range = false } = {}) {
  const item = items[at];
  if (!item || item.group) return;
  const on = !picked.has(item.i);
  const [from, to] = range && pickedLast >= 0 ? [Math.min(pickedLast, at), Math.max(pickedLast, at)] : [at, at];
  for (const one of items.slice(from, to + 1)) {
    if (one.group) continue;
    if (on || range) picked.add(one.i);
    else picked.delete(one.i);
  }
  pickedLast = at;
  markRows();
  showPicked();
}

function pickShown() {
  const every = items.filter((item) => !item.group).map((item) => item.i);
  const all = every.every((i) => picked.has(i));
  for (const i of every) if (all) picked.delete(i); else picked.add(i);
  markRows();
  showPicked();
}

function pickNothing() {
  picked.clear();
  pickedLast = -1;
  markRows();
  showPicked();
}

function foldGroup(name) {
  if (folded.has(name)) folded.delete(name);
  else folded.add(name);
  showList(matching());
}

function scheduleRows() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(drawRows);
}

addEventListener("scroll", scheduleRows, { passive: true });
addEventListener("resize", scheduleRows);
narrow.addEventListener("change", () => showList(matching()));
addEventListener("beforeprint", () => {
  drawRows(null, true);
  if (items.length > PRINTED) list.append(make("p", { class: "notice unprinted" }, `The first ${number(PRINTED)} lines of the list are printed; filters make it shorter.`));
});
addEventListener("afterprint", () => {
  for (const note of list.querySelectorAll(".unprinted")) note.remove();
  drawRows();
});
list.addEventListener("click", (event) => {
  const row = event.target.closest(".row, .group-head");
  if (!row) return;
  const at = Number(row.dataset.at);
  if (items[at].group) foldGroup(items[at].group.name);
  else if (event.target.closest(".cell-pick") || event.shiftKey || event.ctrlKey || event.metaKey) pick(at, { range: event.shiftKey });
  else {
    moveTo(at);
    openDetails(current(), true);
  }
});
