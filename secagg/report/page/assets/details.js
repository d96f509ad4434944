// The panel with everything that is known about one problem.
const details = byId("details");

function openDetails(p, focus) {
  const row = rows.get(active);
  const before = row && row.getBoundingClientRect().top;
  details.replaceChildren(...detailsOf(p));
  details.hidden = false;
  document.body.classList.add("with-details");
  // What is above the list may have become higher: the row stays where it was looked at.
  if (row) scrollBy(0, row.getBoundingClientRect().top - before);
  details.scrollTop = 0;
  asked.id = p.identity;
  writeFragment();
  if (focus) details.focus({ preventScroll: true });
}

function closeDetails() {
  if (details.hidden) {
    pickNothing();
    return;
  }
  details.hidden = true;
  document.body.classList.remove("with-details");
  asked.id = "";
  writeFragment();
  list.focus({ preventScroll: true });
}

function detailsOf(p) {
  return [
    make("div", { class: "details-head" },
      badge(p.label), make("span", { class: "tag" }, p.state),
      p.news && make("span", { class: "tag fresh" }, p.news),
      p.late && make("span", { class: "tag late" }, p.late),
      make("button", { type: "button", class: "close", "aria-label": "Close details", onclick: closeDetails }, "\u2715")),
    make("h2", {}, p.what),
    make("p", { class: "lead" }, p.detail),
    p.message && p.message !== p.detail && make("p", { class: "message" }, p.message),
    part("Fix", p.remedy && make("p", {}, p.remedy),
      p.fix && p.fix !== p.remedy && make("p", {}, p.fix)),
    part("Code", p.snippet && code(p)),
    part("Flow", p.steps && make("ol", { class: "steps" }, p.steps.map((s) => make("li", {},
      make("code", {}, codeLink(p, s)), s.message && ` ${s.message}`)))),
    part("Decision", decision(p)),
    part("Decide", decideOn(p)),
    part("Facts", facts(p)),
    part("Sources", p.sources && sources(p)),
    part("Dependency paths", p.dependency_paths && make("ul", { class: "paths" },
      p.dependency_paths.map((path) => make("li", {}, path.join(" \u203a "))))),
    part("References", references(p)),
    pastOf(p),
  ].filter(Boolean);
}

function part(title, ...content) {
  const given = content.flat(Infinity).filter(Boolean);
  return given.length ? make("section", {}, make("h3", {}, title), given) : null;
}

function code(p) {
  const { start_line: start, lines } = p.snippet;
  const last = p.end_line || p.line;
  return make("pre", { class: "code", tabindex: "0", role: "group", "aria-label": `Code of ${p.where}` },
    lines.map((text, i) => {
      const n = start + i;
      const hit = p.line && n >= p.line && n <= last;
      return make("span", { class: hit ? "line hit" : "line" },
        make("span", { class: "n", "aria-hidden": "true" }, n), make("span", {}, `${text}\n`));
    }));
}

function decisionLines(t) {
  const by = [t.by && `by ${[t.by, ...(t.approved_by || [])].join(" and ")}`, t.at && `on ${day(t.at)}`, t.expires && `until ${t.expires}`, t.owner && `for ${t.owner}`];
  return [make("p", {}, make("b", {}, t.state), " ", by.filter(Boolean).join(", ")),
    t.reason && make("blockquote", {}, t.reason)];
}

function decision(p) {
  const lines = [];
  if (p.triage) lines.push(decisionLines(p.triage));
  if (p.approval) lines.push(make("p", {}, make("span", { class: "tag late" }, p.approval), p.unapproved_in && ` (${p.unapproved_in})`),
    decisionLines(p.unapproved),
    takesDecisions && !p.unapproved_in && make("button", { type: "button", onclick: () => approve(p) }, `Approve: ${p.unapproved.state}`));
  if (p.exception) lines.push(make("p", {}, "Covered by the exception ", make("code", {}, p.exception),
    p.exception_reason && `: ${p.exception_reason}`, p.exception_expires && ` (until ${p.exception_expires})`));
  if (p.action) lines.push(make("p", {}, `The policy says ${p.action}`,
    p.rule && ` (rule ${p.rule})`, p.why && `: ${p.why}`));
  return lines;
}

const joined = (parts) => parts.flatMap((one, i) => (i ? [", ", one] : [one]));

function facts(p) {
  const yes = (value) => (value === undefined || value === null ? null : value ? "yes" : "no");
  const rule = [advisory(p.rule_id), p.rule_name && ` (${p.rule_name})`];
  const pairs = [
    ["Where", p.uri ? codeLink(p, { uri: p.uri, line: p.line, commit: p.in_history_only && p.commit }, p.where) : p.where],
    ["Id", p.identity], ["Rule", rule],
    ["Kind", p.kind], ["Component", p.component], ["Owner", (p.owners || []).join(", ")],
    ["First seen", day(p.first_seen)], ["Last seen", day(p.last_seen)], ["Due", p.due],
    ["Reopened", day(p.reopened_at)], ["Fixed", day(p.fixed_at)], ["Baseline", p.baseline],
    ["Score", p.score], ["EPSS", p.epss && `${(p.epss * 100).toFixed(1)} %`],
    ["Known exploited", yes(p.kev)], ["Package", p.package], ["Version", p.version], ["Purl", p.purl],
    ["Direct", yes(p.direct)], ["Scope", p.scope], ["Aliases", joined((p.aliases || []).map(advisory))],
    ["Weaknesses", joined((p.cwes || []).map(advisory))], ["Resource", p.resource], ["Image", p.image],
    ["Symbol", p.logical], ["Commit", p.commit], ["Verified", yes(p.verified)],
    ["Only in history", yes(p.in_history_only)], ["Also at", (p.related || []).join(", ")],
    ["More places", joined((p.places || []).map((place) => codeLink(p, place)))],
    ["Repository", p.repository], ["Branch", p.branch],
  ];
  const said = (value) => value !== undefined && value !== null && value !== "" && !(Array.isArray(value) && !value.length);
  return make("dl", { class: "facts" }, pairs.filter(([, value]) => said(value))
    .map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function sources(p) {
  return make("ul", { class: "sources" }, p.sources.map((s) => make("li", {},
    make("b", {}, s.tool), " ", badge(s.severity), " ", make("code", {}, advisory(s.rule_id)),
    make("div", { class: "muted" }, codeLink(p, s)), s.message && make("div", {}, s.message))));
}

function references(p) {
  const all = [p.help_uri, ...(p.references || [])].filter(Boolean);
  return all.length ? make("ul", { class: "paths" }, [...new Set(all)].map((r) => make("li", {}, link(r)))) : null;
}
