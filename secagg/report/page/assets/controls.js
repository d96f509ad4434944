// Everything above the list: cards, panels, filters; and the keys. All of it counts what the
// filters let through, and leaves out only the filter that it sets itself.
function about() {
  const made = make("span", { class: "made" }, " \u00b7 made ", moment(DATA.generated_at));
  const [run, ...others] = DATA.runs;
  if (!run) {
    append(byId("about"), ["no scan is recorded", made]);
    return;
  }
  append(byId("about"), [make("b", {}, run.repository), ` ${run.branch}`,
    run.commit && make("span", { class: "made" }, ` @ ${run.commit.slice(0, 10)}`), " \u00b7 last run ",
    make("span", { class: `verdict v-${run.verdict}` }, run.verdict), " ", moment(run.started_at), made]);
  const gaps = [run, ...others.filter((r) => r.verdict === "incomplete")].flatMap((r, i) => {
    const of = i ? `${r.repository} ${r.branch}: ` : "";
    const failed = (r.tools || []).filter((t) => t.status === "failed");
    if (!failed.length) return of ? [`${of}last run`] : [];
    return failed.map((t) => `${of}${t.tool} in ${t.component}${t.reason ? ` (${t.reason})` : ""}`);
  });
  const named = gaps.slice(0, 10);
  if (gaps.length > named.length) named.push(`and ${number(gaps.length - named.length)} more`);
  if (gaps.length) byId("about").after(make("p", { class: "late", title: named.join("; ") }, "did not complete: ", named.join("; ")));
}

const has = (name, value) => asked[name].includes(value);
const toggled = (name, value) => ({ [name]: has(name, value) ? asked[name].filter((other) => other !== value) : [...asked[name], value] });

// Make the content anew; what had the focus keeps it.
function redraw(box, key, elements) {
  const focused = box.contains(document.activeElement) && document.activeElement.dataset[key];
  box.replaceChildren(...elements);
  if (!focused) return;
  const again = [...box.querySelectorAll("button")].find((one) => one.dataset[key] === focused);
  if (again) again.focus({ preventScroll: true });
}

function tiles() {
  const counts = {};
  const more = {};
  const fewer = {};
  for (const i of matching("severity")) counts[PROBLEMS[i].label] = (counts[PROBLEMS[i].label] || 0) + 1;
  // What the last run changed, whatever its state is now.
  for (const i of matching("severity", "state")) {
    const p = PROBLEMS[i];
    const of = p.news === "fixed" ? fewer : p.news && ACTIVE.includes(p.state) ? more : null;
    if (of) of[p.label] = (of[p.label] || 0) + 1;
  }
  redraw(byId("tiles"), "severity", SEVERITIES
    .filter((s) => counts[s] || has("severity", s) || s !== "unknown")
    .map((s) => {
      const change = [more[s] && `+${number(more[s])}`, fewer[s] && `\u2212${number(fewer[s])}`].filter(Boolean);
      return make("button", {
        type: "button", class: `tile s-${s}`, "aria-pressed": String(has("severity", s)), "data-severity": s,
        onclick: () => ask(toggled("severity", s)),
      },
      make("span", { class: "name" }, s),
      make("span", { class: "change", title: change.length ? "what the last run changed" : null }, change.join(" / ")),
      make("span", { class: "count" }, number(counts[s] || 0)));
    }));
}

function news() {
  const flag = (id, on, count, text, changes) => make("button", {
    type: "button", class: "pill", id: `flag-${id}`, "data-flag": id, "aria-pressed": String(on), onclick: () => ask(changes),
  }, make("b", {}, number(count)), ` ${text}`);
  const count = (name, holds) => matching(name).filter((i) => holds(PROBLEMS[i])).length;
  const known = asked.fix === "known";
  const made = [
    flag("overdue", asked.overdue, count("overdue", FLAGS.overdue), "overdue", { overdue: !asked.overdue }),
    flag("new", asked.new, count("new", FLAGS.new), "new or reopened", { new: !asked.new }),
    flag("fix", known, count("fix", hasFix), "with a fix", { fix: known ? "" : "known" }),
  ];
  if (DATA.every_state) {
    const state = asked.state;
    asked.state = "fixed";
    made.push(flag("gone", asked.gone, count("gone", FLAGS.gone), "fixed in the last run",
      asked.gone ? { gone: false, state: DEFAULT_STATE } : { gone: true, state: "fixed" }));
    asked.state = state;
  }
  redraw(byId("news"), "flag", made);
}

// What else to ask for, so that a button shows what its number counts.
const placed = (of) => (DATA.several ? { repository: [of.repository || "(none)"], branch: [of.branch || "(none)"] } : {});

const panel = (title, ...content) => make("section", { class: "panel" }, make("h2", {}, title), content);

function trendPanel() {
  if (DATA.trend.length < 2) return null;
  const of = whose(DATA.trend_of);
  const more = isFiltered() && String(asked.severity) !== "" ? "" : null;
  const others = Object.keys(EMPTY).some((name) => !VIEW.includes(name) && name !== "severity" && String(asked[name]) !== String(EMPTY[name]));
  const title = `Trend${of ? ` of ${of}` : ""}${others ? ", whatever the other filters are" : more === "" ? ", these severities" : ""}`;
  return panel(title, trendChart(DATA.trend, asked.severity.length ? asked.severity : SEVERITIES));
}

function wherePanel() {
  // A component counts with those below it: so many rows are there when it is asked for.
  const found = matching("component");
  const own = new Map();
  for (const i of found) {
    const p = PROBLEMS[i];
    const key = JSON.stringify([p.component || ".", DATA.several ? [p.repository, p.branch] : []]);
    if (!own.has(key)) own.set(key, { component: p.component || ".", repository: p.repository, branch: p.branch, total: 0, by: {} });
  }
  if (own.size < 2) return null;
  for (const c of own.values()) {
    const holds = (p) => FIELDS.component.holds(p, [c.component])
      && (!DATA.several || (p.repository === c.repository && p.branch === c.branch));
    for (const i of found) {
      if (!holds(PROBLEMS[i])) continue;
      c.total += 1;
      c.by[PROBLEMS[i].label] = (c.by[PROBLEMS[i].label] || 0) + 1;
    }
    c.weight = ["critical", "high", "unknown", "medium", "low", "none"].map((s) => -(c.by[s] || 0));
  }
  const worst = [...own.values()].sort((a, b) => compareAll([...a.weight, a.component, whose(a)], [...b.weight, b.component, whose(b)])).slice(0, 6);
  const most = Math.max(...worst.map((c) => c.total));
  return panel("Where", make("ul", { class: "bars" }, worst.map((c) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" }, SEVERITIES.filter((s) => c.by[s]).map((s) => {
      const piece = make("span", { class: `s-${s}` });
      piece.style.width = `${(100 * c.by[s]) / most}%`;
      return piece;
    }));
    return make("li", {}, make("button", {
      type: "button", "aria-pressed": String(has("component", c.component)), "data-panel": `component ${c.component} ${whose(c)}`,
      onclick: () => ask(has("component", c.component) ? toggled("component", c.component) : { component: [c.component], ...placed(c) }),
    },
    make("span", { class: "label" }, middle(c.component), DATA.several && make("span", { class: "whose" }, " ", whose(c))),
    bar, make("span", { class: "n" }, number(c.total))));
  })));
}

function fixesPanel() {
  const found = new Set(matching("upgrade"));
  const closing = DATA.upgrades.map((u) => ({ ...u, now: u.closes.filter((i) => found.has(i)) })).filter((u) => u.now.length);
  if (!closing.length) return null;
  const rank = (u) => Math.max(...u.now.map((i) => RANKS[PROBLEMS[i].label]));
  const best = closing.sort((a, b) => compareAll([-a.now.length, -rank(a), a.package, a.place], [-b.now.length, -rank(b), b.package, b.place])).slice(0, 5);
  return panel("Fixes that close the most", make("ol", { class: "fixes" }, best.map((u) => {
    const name = upgradeName(u);
    const worst = PROBLEMS[u.now.reduce((a, b) => (RANKS[PROBLEMS[b].label] > RANKS[PROBLEMS[a].label] ? b : a))].label;
    return make("li", {}, make("button", {
      type: "button", "aria-pressed": String(asked.upgrade === name), "data-panel": `upgrade ${name}`, title: u.place,
      onclick: () => ask({ upgrade: asked.upgrade === name ? "" : name }),
    },
    make("span", { class: "label" }, "upgrade ", make("b", {}, u.package), " to ", make("b", {}, u.version),
      DATA.several && make("span", { class: "whose" }, " ", whose(u))),
    badge(worst), make("span", { class: "n" }, `closes ${number(u.now.length)}`)));
  })));
}

// What looked, and when.
function runsPanel() {
  if (!DATA.runs.length) return null;
  const line = (t) => make("tr", { class: t.status === "failed" ? "late" : null },
    make("td", {}, t.tool, t.version && ` ${t.version}`), make("td", {}, middle(t.component)),
    make("td", {}, t.status, t.mode && ` (${t.mode})`), make("td", { class: "n" }, t.seconds ? `${t.seconds.toFixed(1)} s` : ""));
  const notes = (t) => [t.reason, ...(t.gaps || [])].filter(Boolean).map((text) => make("tr", { class: "muted" },
    make("td", { colspan: 4 }, `${t.tool}: ${text}`)));
  const newest = DATA.runs.slice(0, 8).map((run) => make("div", { class: "run" },
    make("p", {}, DATA.several && `${run.repository} ${run.branch} \u00b7 `,
      make("span", { class: `verdict v-${run.verdict}` }, run.verdict), " ", moment(run.started_at), ` \u00b7 policy ${run.policy}`),
    make("table", {}, make("tbody", {}, (run.tools || []).slice(0, 40).map((t) => [line(t), notes(t)])))));
  return panel("What looked, and when", newest, olderRuns());
}

let olderOpen = false;

// The runs before: which tools looked at all they had to, and which did not.
function olderRuns() {
  if (!DATA.older.length) return null;
  const box = make("details", { class: "older", open: olderOpen },
    make("summary", {}, `${plural(DATA.older.length, "older scan")}`),
    make("ul", {}, DATA.older.map((run) => make("li", {},
      make("div", {}, make("span", { class: `verdict v-${run.verdict}` }, run.verdict), " ", moment(run.at),
        " ", run.commit && make("span", { class: "n commit" }, `@ ${run.commit.slice(0, 10)}`), make("span", { class: "n" }, plural(run.total, "problem"))),
      DATA.several && make("div", { class: "whose" }, whose(run)),
      make("div", { class: "muted" }, run.complete.length > 0 && `${run.complete.join(", ")} complete`,
        run.complete.length > 0 && run.failed.length > 0 && "; ",
        run.failed.length > 0 && make("span", { class: "late" }, `${run.failed.join(", ")} failed`),
        !run.complete.length && !run.failed.length && "no tool ran")))));
  box.addEventListener("toggle", () => { olderOpen = box.open; });
  return box;
}

let panelsDrawn = null;

function panels(count) {
  const board = byId("dashboard");
  const upgrades = DATA.upgrades.length ? `${plural(DATA.upgrades.length, "upgrade")} that would close problems` : "";
  byId("dashboard-says").textContent = ["Trend, components, fixes, scans", upgrades].filter(Boolean).join(" \u00b7 ");
  panelsDrawn = board.open ? count : null;
  if (board.open) redraw(byId("panels"), "panel", [trendPanel(), wherePanel(), fixesPanel(), runsPanel()].filter(Boolean));
}

function choice(name, label, options, change) {
  const select = make("select", { id: `choose-${name}`, "aria-label": label }, options.map(([value, text]) => make("option", { value }, text)));
  select.addEventListener("change", () => ask(change ? change(select.value) : { [name]: select.value }));
  return make("div", { class: "choice" }, select);
}

const titled = (name) => name[0].toUpperCase() + name.slice(1);

function choices() {
  const values = (name) => {
    const all = new Set(PROBLEMS.flatMap((p) => FIELDS[name].of(p)));
    return [["", `Any ${name}`], ...[...all].sort(compare).map((value) => [value, value])];
  };
  const states = Object.entries(STATES).map(([value, text]) => [value, value === "active" ? "To be done" : value === "all" ? "Any state" : titled(text)]);
  const added = (name) => (value) => ({ [name]: value === "" ? [] : has(name, value) ? asked[name] : [...asked[name], value] });
  byId("choices").replaceChildren(
    choice("state", "State", DATA.every_state ? states : states.slice(1)),
    choice("at_least", "At least so severe", [["", "Any severity"], ...LADDER.slice(0, 4).map((s) => [s, `${titled(s)} or worse`])]),
    ...Object.keys(FIELDS).map((name) => choice(name, titled(name), values(name), added(name))),
    choice("fix", "Fix", [["", "Fix or not"], ["known", "A fix is known"], ["none", "No fix is known"]]),
    choice("age", "Age", [["", "Any age"], ...[7, 30, 90, 365].map((days) => [String(days), `${days} days or older`])]),
    choice("group", "Group", Object.entries(GROUPS).map(([name, [text]]) => [name, text])),
    choice("sort", "Sort", Object.entries(SORTS).map(([name, [text]]) => [name, text])));
}

// Every filter that is set, and how to be rid of it.
function chips() {
  const made = [];
  const chip = (text, changes) => made.push(make("button", { type: "button", class: "chip", "data-chip": text, "aria-label": `Remove the filter ${text}`,
    onclick: () => { ask(changes); if (!byId("chips").contains(document.activeElement)) byId("q").focus({ preventScroll: true }); } },
  text, make("span", { "aria-hidden": "true" }, " \u2715")));
  if (asked.state !== DEFAULT_STATE) chip(`state: ${asked.state.split(",").map((s) => STATES[s] || s).join(", ")}`, { state: DEFAULT_STATE, gone: false });
  for (const name of ["severity", ...Object.keys(FIELDS)]) for (const value of asked[name]) chip(`${name}: ${value}`, toggled(name, value));
  if (asked.at_least) chip(`${asked.at_least} or worse`, { at_least: "" });
  if (asked.new) chip("new or reopened", { new: false });
  if (asked.overdue) chip("overdue", { overdue: false });
  if (asked.gone) chip("fixed in the last run", { gone: false });
  if (asked.fix) chip(asked.fix === "known" ? "a fix is known" : "no fix is known", { fix: "" });
  if (asked.age) chip(`${asked.age} days or older`, { age: "" });
  if (asked.upgrade) chip(`closed by the upgrade ${asked.upgrade}`, { upgrade: "" });
  if (asked.q.trim()) chip(`search: ${asked.q.trim()}`, { q: "" });
  redraw(byId("chips"), "chip", made);
}

function showAsked() {
  if (byId("q").value !== asked.q) byId("q").value = asked.q;
  for (const select of byId("choices").querySelectorAll("select")) {
    const given = asked[select.id.slice("choose-".length)];
    const several = Array.isArray(given) && given.length > 1;
    const value = several ? "several" : String(given);
    for (const old of select.querySelectorAll("option[data-passing]")) old.remove();
    // A value that the data does not have (from an old link) is shown, not dropped in silence.
    if (![...select.options].some((o) => o.value === value)) {
      select.append(make("option", { value, "data-passing": true, disabled: several }, several ? `${given.length} chosen` : value));
    }
    select.value = value;
    select.classList.toggle("set", value !== String(EMPTY[select.id.slice("choose-".length)]));
  }
  byId("clear").hidden = !isFiltered();
}

function ask(changes) {
  asked = { ...asked, ...changes };
  if (!changes.id && !details.hidden && "id" in changes) closeDetails();
  const found = matching();
  writeFragment();
  tiles();
  news();
  chips();
  panels(found.length);
  showAsked();
  showList(found);
  const left = DATA.left_out ? ` (${number(DATA.left_out)} more are not in this file)` : "";
  byId("count").textContent = `${plural(found.length, "problem")} of ${number(PROBLEMS.length)}${left}`;
}

const KEYS = [
  [["j", "ArrowDown"], "next problem", () => moveTo(active + 1)],
  [["k", "ArrowUp"], "previous problem", () => moveTo(active - 1, -1)],
  [["Enter"], "open its details", () => { if (current()) openDetails(current(), true); }],
  [["Escape"], "close the details, or choose nothing", () => closeDetails()],
  [["x"], "choose it, or not", () => pick(active)],
  [["X"], "choose all from the last one chosen to it", () => pick(active, { range: true })],
  [["a"], "choose all that the list shows", () => pickShown()],
  [["d"], "give a decision on it, or on what is chosen", () => decideKey()],
  [["/"], "search", () => byId("q").focus()],
  [["g"], "first problem", () => moveTo(0)],
  [["G"], "last problem", () => moveTo(items.length - 1, -1)],
  [["?"], "this help", () => byId("help").showModal()],
];

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const at = event.target;
  if (at.matches && at.matches("input, select, textarea")) {
    if (event.key === "Escape" || (event.key === "Enter" && at.id === "q")) {
      event.preventDefault();
      at.blur();
      list.focus({ preventScroll: true });
      if (event.key === "Enter") moveTo(Math.max(active, 0));
    }
    return;
  }
  // Enter on a button or link is theirs; arrows scroll the panel that has the focus.
  if (event.key === "Enter" && at !== list && at.matches && at.matches("button, a, summary")) return;
  if (event.key.startsWith("Arrow") && at !== list) return;
  const key = KEYS.find(([names]) => names.includes(event.key));
  if (!key) return;
  event.preventDefault();
  key[2]();
}
