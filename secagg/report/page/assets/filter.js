// What is asked for: kept in the address's fragment, so that a view can be sent to somebody.
// The rules are those of secagg/report/filters.py; a test compares both.
// Of a single repository's branch nobody needs to be told which it is.
const whose = (of) => (DATA.several ? [of.repository, of.branch].filter(Boolean).join(" ") : "");
const nameOf = (owner) => owner.replace(/^@+/, "");
// Patterns of names, as secagg/system/globs.py has them: * is any run, ? one, [a-c] and [!a-c] one of some.
const TOKEN = /\*+|\?|\[[!^]?\]?[^\]/]*\]|[^]/gu;
const expressionOf = (token) => {
  if (token[0] === "*") return "[^]*?";
  if (token === "?") return "[^]";
  if (token.length < 3 || token[0] !== "[") return token.replace(/[$()*+./?[\\\]^{|}]/u, "\\$&");
  const negated = "!^".includes(token[1]) && token.length > 3;
  const of = token.slice(negated ? 2 : 1, -1).replace(/[^\w-]|(?<!\w)-|-(?!\w)/gu, (sign) => (/[\^\\\]-]/.test(sign) ? `\\${sign}` : sign));
  return `[${negated ? "^" : ""}${of}]`;
};
const EXPRESSIONS = new Map();
const fits = (name, pattern) => {
  if (!EXPRESSIONS.has(pattern)) {
    EXPRESSIONS.set(pattern, new RegExp(`^${(pattern.match(TOKEN) || []).map(expressionOf).join("")}$`, "iu"));
  }
  return EXPRESSIONS.get(pattern).test(name);
};
// A component is in a directory that a pattern matches; . is the root alone.
const isIn = (component, pattern) => {
  const wanted = pattern.replace(/^\.\//, "").replace(/\/+$/, "") || pattern;
  for (let at = component; at; at = at.slice(0, Math.max(0, at.lastIndexOf("/")))) if (fits(at, wanted)) return true;
  return false;
};
// Each takes several values, of which any will do.
const FIELDS = {
  ...(DATA.several ? {
    repository: { of: (p) => [p.repository || "(none)"] },
    branch: { of: (p) => [p.branch || "(none)"] },
  } : {}),
  kind: { of: (p) => [p.kind] },
  tool: {
    of: (p) => p.tools || [],
    holds: (p, wanted) => (p.tools || []).some((tool) => wanted.some((one) => fits(tool, one))),
  },
  component: {
    of: (p) => [p.component || "."],
    holds: (p, wanted) => wanted.some((one) => isIn(p.component || ".", one)),
  },
  owner: {
    of: (p) => p.owners || ["none"],
    holds: (p, wanted) => (p.owners
      ? p.owners.some((owner) => wanted.some((one) => fits(nameOf(owner), nameOf(one))))
      : wanted.some((one) => nameOf(one).toLowerCase() === "none")),
  },
};
const FLAGS = {
  new: (p) => p.new === true,
  overdue: (p) => Boolean(p.late),
  gone: (p) => p.news === "fixed",
};
const hasFix = (p) => Boolean(p.fix || (p.fixed_versions || []).length);
const SORTS = {
  severity: ["Worst first", null],
  newest: ["Newest first", (p) => [p.first_seen ? 0 : 1, p.first_seen ? -Date.parse(p.first_seen) : 0]],
  oldest: ["Oldest first", (p) => [p.first_seen ? Date.parse(p.first_seen) : Infinity]],
  due: ["Due first", (p) => [p.due || "9999-12-31"]],
  path: ["By path", (p) => [p.uri || p.image || "\u{10ffff}", p.line || 0, p.rule_id]],
  package: ["By package", (p) => [p.package || "\u{10ffff}", p.version || ""]],
  epss: ["Likeliest exploited", (p) => [-(p.epss || 0)]],
};
const LADDER = ["critical", "high", "medium", "low", "none", "unknown"];
const GROUPS = {
  "": ["No groups", null],
  severity: ["By severity", (p) => [p.label]],
  component: ["By component", (p) => [p.component || "."]],
  owner: ["By owner", (p) => p.owners || ["(no owner)"]],
  package: ["By package", (p) => [p.package || "(no package)"]],
  rule: ["By rule", (p) => [p.rule_id]],
  kind: ["By kind", (p) => [p.kind]],
  tool: ["By tool", (p) => p.tools || ["(no tool)"]],
};
const STATES = { active: "to be done", all: "all", open: "open", confirmed: "confirmed",
  "false-positive": "false positive", accepted: "accepted", excepted: "excepted by policy", fixed: "fixed" };
const DEFAULT_STATE = DATA.every_state ? "active" : "all";

// Built once: every word of a problem that may be searched for, in one folded text.
const searchText = (p) => fold([
  p.identity, p.title || p.detail, p.message, p.rule_id, p.rule_name, p.what, p.where, p.image, p.logical,
  p.resource, p.component, p.package, p.version, p.purl, p.remedy, p.fix, p.why,
].concat(p.aliases || [], p.cwes || [], p.tools || [], p.owners || [], p.triage ? [p.triage.reason] : [])
  .filter(Boolean).join("\n"));
// Made when first searched for, or as soon as there is nothing else to do: the list comes first.
let INDEX = null;
const index = () => { INDEX ??= PROBLEMS.map(searchText); return INDEX; };

const EMPTY = Object.freeze({
  q: "", severity: [], at_least: "", state: DEFAULT_STATE, repository: [], branch: [], kind: [], tool: [], component: [],
  owner: [], new: false, overdue: false, gone: false, fix: "", age: "", upgrade: "", group: "", sort: "severity", id: "",
});
const VIEW = ["id", "sort", "group"];
let asked = { ...EMPTY };

const upgradeName = (u) => [u.package, u.version, u.place, DATA.several && u.repository, DATA.several && u.branch]
  .filter(Boolean).join(" ");
const UPGRADES = new Map(DATA.upgrades.map((u) => [upgradeName(u), new Set(u.closes)]));

function readFragment(text) {
  const given = new URLSearchParams(text);
  const read = { ...EMPTY };
  for (const name of ["q", "state", "id", "age", "upgrade"]) if (given.has(name)) read[name] = given.get(name);
  for (const name of Object.keys(FIELDS)) read[name] = given.getAll(name).filter(Boolean);
  read.severity = given.getAll("severity").flatMap((s) => s.split(",")).filter((s) => SEVERITIES.includes(s));
  for (const name of Object.keys(FLAGS)) read[name] = given.get(name) === "1";
  read.fix = { 1: "known", known: "known", none: "none" }[given.get("fix")] || "";
  if (LADDER.slice(0, 5).includes(given.get("at_least"))) read.at_least = given.get("at_least");
  if (Object.hasOwn(SORTS, given.get("sort") || "")) read.sort = given.get("sort");
  if (Object.hasOwn(GROUPS, given.get("group") || "")) read.group = given.get("group") || "";
  return read;
}

function writeFragment() {
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) {
    if (name === "severity" && value.length) written.set(name, value.join(","));
    else if (Array.isArray(value)) value.forEach((one) => written.append(name, one));
    else if (value !== EMPTY[name]) written.set(name, value === true ? "1" : value);
  }
  const text = written.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  if (text !== location.hash.slice(1)) {
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }
}

function isFiltered() {
  return Object.keys(EMPTY).some((name) => !VIEW.includes(name) && String(asked[name]) !== String(EMPTY[name]));
}

// Which problems have every word that is searched for. Cards, buttons and the list ask in turn.
let searched = { text: null, has: null };

function searchHits() {
  if (searched.text === asked.q) return searched.has;
  // As Python's str.split.
  const words = fold(asked.q).split(/(?:(?!\ufeff)[\s\x1c-\x1f\x85])+/).filter(Boolean);
  searched = { text: asked.q, has: words.length ? index().map((text) => words.every((word) => text.includes(word))) : null };
  return searched.has;
}

// The numbers of the problems that match, in order; the filters `without` are left out of account.
function matching(...without) {
  const hits = searchHits();
  const wanted = (name) => !without.includes(name) && (Array.isArray(asked[name]) ? asked[name].length > 0 : Boolean(asked[name]));
  const checks = [];
  const states = asked.state.split(",").flatMap((s) => (s === "active" ? ACTIVE : [s]));
  if (!without.includes("state") && !states.includes("all")) checks.push((p) => states.includes(p.state));
  if (wanted("severity")) checks.push((p) => asked.severity.includes(p.label));
  if (wanted("at_least")) checks.push((p) => p.label === "unknown" || RANKS[p.label] >= RANKS[asked.at_least]);
  for (const [name, { of, holds }] of Object.entries(FIELDS)) {
    if (wanted(name)) checks.push(holds ? (p) => holds(p, asked[name]) : (p) => of(p).some((one) => asked[name].includes(one)));
  }
  for (const [name, holds] of Object.entries(FLAGS)) if (wanted(name)) checks.push(holds);
  if (wanted("fix")) checks.push((p) => hasFix(p) === (asked.fix === "known"));
  if (wanted("age")) checks.push((p) => p.age_days !== undefined && p.age_days >= Number(asked.age));
  if (wanted("upgrade")) {
    const closed = UPGRADES.get(asked.upgrade) || new Set();
    checks.push((p, i) => closed.has(i));
  }
  const found = [];
  for (let i = 0; i < PROBLEMS.length; i += 1) {
    const p = PROBLEMS[i];
    if ((!hits || hits[i]) && checks.every((holds) => holds(p, i))) found.push(i);
  }
  const by = SORTS[asked.sort][1];
  if (!by) return found;
  const keys = new Map(found.map((i) => [i, by(PROBLEMS[i])]));
  return found.sort((a, b) => compareAll(keys.get(a), keys.get(b)) || a - b);
}

// As secagg/report/query.py: the group with the most problems of the worst severity comes first.
function sections(found) {
  const of = GROUPS[asked.group][1];
  const groups = new Map();
  for (const i of found) {
    for (const name of new Set(of(PROBLEMS[i]))) {
      if (!groups.has(name)) groups.set(name, { name, rows: [], weight: [0, 0, 0, 0, 0] });
      const group = groups.get(name);
      group.rows.push(i);
      group.weight[4 - RANKS[PROBLEMS[i].label]] -= 1;
    }
  }
  const order = asked.group === "severity"
    ? (a, b) => LADDER.indexOf(a.name) - LADDER.indexOf(b.name)
    : (a, b) => compareAll(a.weight, b.weight) || compare(a.name, b.name);
  return [...groups.values()].sort(order);
}
