// Everything above the list: tiles, panels, filters; and the keys.
function about() {
  const run = DATA.summary.last_run;
  // A moment is one word: no line breaks within it.
  const moment = (at) => make("time", { datetime: at }, `${at.slice(0, 16).replace("T", " ")} UTC`);
  const made = ["made ", moment(DATA.generated_at)];
  if (!run) {
    append(byId("about"), ["no scan is recorded; ", ...made]);
    return;
  }
  const commit = run.commit ? ` @ ${run.commit.slice(0, 10)}` : "";
  append(byId("about"), [make("b", {}, run.repository), ` ${run.branch}${commit} \u00b7 last run `,
    make("span", { class: `verdict v-${run.verdict}` }, run.verdict),
    " ", moment(run.started_at), " \u00b7 ", ...made]);
  const others = (DATA.summary.incomplete || []).map((r) => [`${r.repository} ${r.branch}: `, r]);
  const gaps = [["", run], ...others].flatMap(([of, { tools, verdict }]) => {
    const failed = (tools || []).filter((t) => t.status === "failed");
    if (!failed.length) return of && verdict === "incomplete" ? [`${of}last run`] : [];
    return failed.map((t) => `${of}${t.tool} in ${t.component}${t.reason ? ` (${t.reason})` : ""}`);
  });
  const named = gaps.slice(0, 10);
  if (gaps.length > named.length) named.push(`and ${number(gaps.length - named.length)} more`);
  if (gaps.length) byId("about").after(make("p", { class: "late" }, "did not complete: ", named.join("; ")));
}

function tiles() {
  const counts = {};
  for (const i of matching("severity")) counts[PROBLEMS[i].label] = (counts[PROBLEMS[i].label] || 0) + 1;
  const focused = document.activeElement && document.activeElement.dataset.severity;
  byId("tiles").replaceChildren(...SEVERITIES
    .filter((s) => counts[s] || asked.severity.includes(s) || s !== "unknown")
    .map((s) => {
      const change = DATA.summary.by_severity[s] || {};
      const more = [change.more && `+${change.more}`, change.fewer && `\u2212${change.fewer}`].filter(Boolean);
      return make("button", {
        type: "button", class: `tile s-${s}`, "aria-pressed": String(asked.severity.includes(s)), "data-severity": s,
        onclick: () => ask({ severity: asked.severity.includes(s)
          ? asked.severity.filter((other) => other !== s) : [...asked.severity, s] }),
      },
      make("span", { class: "count" }, number(counts[s] || 0)),
      make("span", { class: "name" }, s),
      make("span", { class: "change" }, more.join(" / ")));
    }));
  if (focused) byId("tiles").querySelector(`[data-severity="${CSS.escape(focused)}"]`).focus();
}

function news() {
  const found = DATA.summary;
  const flag = (name, count, text) => make("button", {
    type: "button", class: "pill", id: `flag-${name}`, "aria-pressed": String(asked[name]),
    onclick: () => ask({ [name]: !asked[name] }),
  }, make("b", {}, number(count)), ` ${text}`);
  const count = (holds) => PROBLEMS.filter((p) => ACTIVE.includes(p.state) && holds(p)).length;
  byId("news").replaceChildren(
    flag("overdue", count(FLAGS.overdue), "overdue"),
    flag("new", count(FLAGS.new), "new or reopened"),
    flag("fix", count(FLAGS.fix), "with a fix"),
    make("span", { class: "pill plain" }, make("b", {}, number(found.fixed)), " fixed in the last run"));
}

// What else to ask for, so that a button shows what its number counts.
const placed = (of) => (DATA.several ? { repository: of.repository || "(none)", branch: of.branch || "(none)" } : {});

function panels() {
  const panel = (title, ...content) => make("section", { class: "panel" }, make("h2", {}, title), content);
  const made = [];
  if (DATA.trend.length > 1) {
    const of = whose(DATA.trend_of);
    made.push(panel(of ? `Trend of ${of}` : "Trend", trendChart(DATA.trend)));
  }
  const { components, upgrades } = DATA.summary;
  if (components.length > 1) {
    const most = Math.max(...components.map((c) => c.total));
    made.push(panel("Where", make("ul", { class: "bars" }, components.map((c) => {
      const bar = make("span", { class: "bar", "aria-hidden": "true" }, SEVERITIES.filter((s) => c.by_severity[s]).map((s) => {
        const piece = make("span", { class: `s-${s}` });
        piece.style.width = `${(100 * c.by_severity[s]) / most}%`;
        return piece;
      }));
      return make("li", {}, make("button", { type: "button", onclick: () => ask({ component: c.component, ...placed(c) }) },
        make("span", { class: "label", title: whose(c) }, c.component,
          DATA.several && make("span", { class: "whose" }, " ", whose(c))), bar, make("span", { class: "n" }, number(c.total))));
    }))));
  }
  if (upgrades.length) {
    made.push(panel("Fixes that close the most", make("ol", { class: "fixes" }, upgrades.map((u) => make("li", {},
      make("button", { type: "button", onclick: () => ask({ q: `${u.package} ${u.place}`, ...placed(u) }) },
        make("span", { class: "label", title: u.place },
          "upgrade ", make("b", {}, u.package), " to ", make("b", {}, u.version),
          DATA.several && make("span", { class: "whose" }, " ", whose(u))),
        badge(u.worst), make("span", { class: "n" }, `closes ${number(u.closes)}`)))))));
  }
  byId("panels").replaceChildren(...made);
}

function choice(name, label, options) {
  const select = make("select", { id: `choose-${name}` }, options.map(([value, text]) => make("option", { value }, text)));
  select.addEventListener("change", () => ask({ [name]: select.value }));
  return make("div", { class: "choice" }, make("label", { for: select.id }, label), select);
}

function choices() {
  const values = (name) => {
    const all = new Set(PROBLEMS.flatMap((p) => FIELDS[name](p)));
    return [["", "any"], ...[...all].sort().map((value) => [value, value])];
  };
  const states = [["active", "to be done"], ["all", "all"], ["open", "open"], ["confirmed", "confirmed"],
    ["false-positive", "false positive"], ["accepted", "accepted"], ["excepted", "excepted by policy"], ["fixed", "fixed"]];
  byId("choices").replaceChildren(
    choice("state", "State", DATA.every_state ? states : states.slice(1)),
    ...Object.keys(FIELDS).map((name) => choice(name, name[0].toUpperCase() + name.slice(1), values(name))),
    choice("sort", "Sort", Object.entries(SORTS).map(([name, [text]]) => [name, text])));
}

function showAsked() {
  if (byId("q").value !== asked.q) byId("q").value = asked.q;
  for (const name of ["state", "sort", ...Object.keys(FIELDS)]) {
    const select = byId(`choose-${name}`);
    // A value that the data does not have (from an old link) is shown, not dropped in silence.
    if (![...select.options].some((o) => o.value === asked[name])) {
      select.append(make("option", { value: asked[name] }, asked[name]));
    }
    select.value = asked[name];
  }
  for (const name of Object.keys(FLAGS)) byId(`flag-${name}`).setAttribute("aria-pressed", String(asked[name]));
  byId("clear").hidden = !isFiltered();
}

function ask(changes) {
  asked = { ...asked, ...changes };
  if (!changes.id && !details.hidden && "id" in changes) closeDetails();
  const found = matching();
  writeFragment();
  tiles();
  showAsked();
  showList(found);
  const left = DATA.left_out ? ` (${number(DATA.left_out)} more are not in this file)` : "";
  byId("count").textContent = `${plural(found.length, "problem")} of ${number(PROBLEMS.length)}${left}`;
}

const KEYS = [
  [["j", "ArrowDown"], "next problem", () => moveTo(active + 1)],
  [["k", "ArrowUp"], "previous problem", () => moveTo(active - 1)],
  [["Enter"], "open its details", () => { if (active >= 0) openDetails(PROBLEMS[shown[active]], true); }],
  [["Escape"], "close the details", () => closeDetails()],
  [["/"], "search", () => byId("q").focus()],
  [["g"], "first problem", () => moveTo(0)],
  [["G"], "last problem", () => moveTo(shown.length - 1)],
  [["?"], "this help", () => byId("help").showModal()],
];

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
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
  if (event.key === "Enter" && at !== list && at.matches && at.matches("button, a")) return;
  if (event.key.startsWith("Arrow") && at !== list) return;
  const key = KEYS.find(([names]) => names.includes(event.key));
  if (!key) return;
  event.preventDefault();
  key[2]();
}
