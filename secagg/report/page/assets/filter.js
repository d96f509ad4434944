// What is asked for: kept in the address's fragment, so that a view can be sent to somebody.
// Of a single repository's branch nobody needs to be told which it is.
const whose = (of) => (DATA.several ? [of.repository, of.branch].filter(Boolean).join(" ") : "");
const FIELDS = {
  ...(DATA.several ? { repository: (p) => [p.repository || "(none)"], branch: (p) => [p.branch || "(none)"] } : {}),
  kind: (p) => [p.kind],
  tool: (p) => p.tools || [],
  component: (p) => [p.component || "."],
  owner: (p) => p.owners || ["(no owner)"],
};
const FLAGS = {
  new: (p) => p.news === "new" || p.news === "reopened",
  overdue: (p) => p.overdue === true,
  fix: (p) => Boolean(p.remedy),
};
const SORTS = {
  severity: ["Worst first", null],
  newest: ["Newest first", (a, b) => compare(b.first_seen || "", a.first_seen || "")],
  oldest: ["Oldest first", (a, b) => compare(a.first_seen || "~", b.first_seen || "~")],
  due: ["Due first", (a, b) => compare(a.due || "~", b.due || "~")],
  path: ["By path", (a, b) => compare(a.uri || "~", b.uri || "~") || (a.line || 0) - (b.line || 0)],
  package: ["By package", (a, b) => compare(a.package || "~", b.package || "~")],
  epss: ["Likeliest exploited", (a, b) => (b.epss || 0) - (a.epss || 0)],
};
const DEFAULT_STATE = DATA.every_state ? "active" : "all";

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Built once: every word of a problem that may be searched for, in one folded text.
const searchText = (p) => [
  p.identity, p.what, p.title, p.message, p.rule_id, p.rule_name, p.where, p.image, p.logical,
  p.resource, p.component, whose(p), p.package, p.version, p.purl, p.remedy, p.fix, p.why,
  p.triage && p.triage.reason,
].concat(p.aliases || [], p.cwes || [], p.tools || [], p.owners || [])
  .filter(Boolean).join("\n").toLowerCase();
const INDEX = PROBLEMS.map(searchText);

const EMPTY = Object.freeze({
  q: "", severity: [], state: DEFAULT_STATE, repository: "", branch: "", kind: "", tool: "", component: "", owner: "",
  new: false, overdue: false, fix: false, sort: "severity", id: "",
});
let asked = { ...EMPTY };

function readFragment() {
  const given = new URLSearchParams(location.hash.slice(1));
  const read = { ...EMPTY };
  for (const name of ["q", "state", "id", ...Object.keys(FIELDS)]) {
    if (given.has(name)) read[name] = given.get(name);
  }
  read.severity = (given.get("severity") || "").split(",").filter((s) => SEVERITIES.includes(s));
  for (const name of Object.keys(FLAGS)) read[name] = given.get(name) === "1";
  if (Object.hasOwn(SORTS, given.get("sort") || "")) read.sort = given.get("sort");
  return read;
}

function writeFragment() {
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) {
    if (Array.isArray(value) ? value.length : value !== EMPTY[name]) {
      written.set(name, Array.isArray(value) ? value.join(",") : value === true ? "1" : value);
    }
  }
  const text = written.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  if (text !== location.hash.slice(1)) {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }
}

function isFiltered() {
  return Object.keys(EMPTY).some((name) => !["id", "sort"].includes(name)
    && String(asked[name]) !== String(EMPTY[name]));
}

function inState(problem) {
  if (asked.state === "all") return true;
  return asked.state === "active" ? ACTIVE.includes(problem.state) : problem.state === asked.state;
}

// The numbers of the problems that match, in order. `without` leaves one filter out of account.
function matching(without) {
  const words = asked.q.toLowerCase().split(/\s+/).filter(Boolean);
  const fields = Object.keys(FIELDS).filter((name) => asked[name] && name !== without);
  const flags = Object.keys(FLAGS).filter((name) => asked[name] && name !== without);
  const severities = without === "severity" ? [] : asked.severity;
  const found = [];
  for (let i = 0; i < PROBLEMS.length; i += 1) {
    const p = PROBLEMS[i];
    if (inState(p)
      && (!severities.length || severities.includes(p.label))
      && fields.every((name) => FIELDS[name](p).includes(asked[name]))
      && flags.every((name) => FLAGS[name](p))
      && words.every((word) => INDEX[i].includes(word))) found.push(i);
  }
  const by = SORTS[asked.sort][1];
  if (by) found.sort((a, b) => by(PROBLEMS[a], PROBLEMS[b]) || a - b);
  return found;
}
