// The list: only the rows on the screen exist, however many there are.
const list = byId("list");
const narrow = matchMedia("(max-width: 760px)");
const SPARE = 8;
let shown = [];
let active = -1;
let rows = new Map();
let pending = false;

const rowHeight = () => (narrow.matches ? 96 : 62);

function showList(found) {
  shown = found;
  for (const row of rows.values()) row.remove();
  rows = new Map();
  list.style.height = `${shown.length * rowHeight()}px`;
  list.hidden = shown.length === 0;
  byId("none").hidden = shown.length !== 0;
  byId("none").textContent = PROBLEMS.length ? "No problem matches." : "No problem is recorded.";
  active = shown.findIndex((i) => PROBLEMS[i].identity === asked.id);
  drawRows();
}

function drawRows() {
  pending = false;
  const height = rowHeight();
  const above = list.getBoundingClientRect().top;
  const first = Math.max(0, Math.floor(-above / height) - SPARE);
  const last = Math.min(shown.length, Math.ceil((innerHeight - above) / height) + SPARE);
  for (const [position, row] of rows) {
    if (position < first || position >= last) {
      row.remove();
      rows.delete(position);
    }
  }
  const added = document.createDocumentFragment();
  for (let position = first; position < last; position += 1) {
    if (rows.has(position)) continue;
    const row = makeRow(PROBLEMS[shown[position]], position);
    row.style.transform = `translateY(${position * height}px)`;
    rows.set(position, row);
    added.append(row);
  }
  list.append(added);
  markActive();
}

function makeRow(p, position) {
  const tags = [];
  if (p.news && p.news !== "fixed") tags.push(make("span", { class: "tag fresh" }, p.news));
  if (!ACTIVE.includes(p.state) || p.state === "confirmed") tags.push(make("span", { class: "tag" }, p.state));
  if (p.kev) tags.push(make("span", { class: "tag late" }, "exploited"));
  if (p.verified) tags.push(make("span", { class: "tag late" }, "verified"));
  const late = p.overdue && make("div", { class: "late" }, `${lateBy(p)} d overdue`);
  return make("div", {
    class: "row", role: "option", id: `row-${position}`, "aria-selected": "false",
    "aria-posinset": position + 1, "aria-setsize": shown.length, "data-position": position,
  },
  make("div", { class: "cell-severity" }, badge(p.label)),
  make("div", { class: "cell-what" },
    make("div", { class: "what" }, make("b", {}, p.what), tags),
    make("div", { class: "detail" }, [whose(p), p.detail].filter(Boolean).join(" \u00b7 "))),
  make("div", { class: "cell-where" },
    make("div", { class: "where", title: p.where }, make("bdi", {}, p.where)),
    make("div", { class: "fix" }, p.remedy)),
  make("div", { class: "cell-owner" },
    make("div", {}, (p.owners || []).join(", ")),
    make("div", { class: "muted", title: whose(p) }, p.component || ".")),
  make("div", { class: "cell-age" },
    make("div", {}, age(p.age_days)), late || make("div", { class: "muted" }, p.due ? `due ${p.due}` : "")),
  make("div", { class: "cell-tools" }, (p.tools || []).join(", ")));
}

function markActive() {
  for (const [position, row] of rows) {
    const is = position === active;
    row.classList.toggle("active", is);
    row.setAttribute("aria-selected", String(is));
  }
  if (rows.has(active)) list.setAttribute("aria-activedescendant", `row-${active}`);
  else list.removeAttribute("aria-activedescendant");
}

function moveTo(position) {
  if (!shown.length) return;
  active = Math.max(0, Math.min(shown.length - 1, position));
  const height = rowHeight();
  const top = list.getBoundingClientRect().top + active * height;
  const covered = byId("filters").getBoundingClientRect().bottom;
  if (top < covered) scrollBy(0, top - covered - 8);
  else if (top + height > innerHeight) scrollBy(0, top + height - innerHeight + 8);
  drawRows();
  if (!byId("details").hidden) openDetails(PROBLEMS[shown[active]], false);
}

function scheduleRows() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(drawRows);
}

addEventListener("scroll", scheduleRows, { passive: true });
addEventListener("resize", () => { list.style.height = `${shown.length * rowHeight()}px`; scheduleRows(); });
narrow.addEventListener("change", () => showList(shown));
list.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (!row) return;
  moveTo(Number(row.dataset.position));
  openDetails(PROBLEMS[shown[active]], true);
});
