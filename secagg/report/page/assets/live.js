// What a served page asks its server: to decide, to take a decision back, and what was decided before.
async function send(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Secagg-Token": DATA.live.csrf },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(typeof answer.detail === "string" ? answer.detail : `not taken (${response.status})`);
  }
  return answer;
}

function take(changed) {
  const numbers = new Map(PROBLEMS.map((p, i) => [p.identity, i]));
  for (const p of changed) {
    const i = numbers.get(p.identity);
    if (i === undefined) continue;
    PROBLEMS[i] = p;
    if (INDEX) INDEX[i] = searchText(p);
  }
  searched = { text: null, has: null };
  ask({});
}

// Decide on problems; answers where in the list the reader was.
async function decide(problems, decision) {
  const at = active;
  const answer = await send("/api/triage", { identities: problems.map((p) => p.identity), ...decision });
  const [one] = problems;
  take(answer.problems);
  const what = problems.length === 1 ? one.what : plural(problems.length, "problem");
  const state = DECISIONS.find(([value]) => value === decision.state)[1];
  const waiting = answer.problems.filter((p) => p.approval);
  const now = waiting.length ? `${problems.length > 1 ? `${waiting.length}: ` : ""}${waiting[0].approval}` : `now ${state}`;
  tell(`${what}: ${now}.`, answer.batch && (() => takeBack(answer.batch, what)));
  return { at };
}

async function takeBack(batch, what) {
  try {
    const answer = await send("/api/undo", { batch });
    take(answer.problems);
    tell(`${what}: the decision is taken back.`);
    const now = PROBLEMS.find((p) => p.identity === asked.id);
    if (now && !details.hidden) openDetails(now, false);
  } catch (error) {
    tell(`Not taken back: ${error.message}`);
  }
}

// Every decision on it, newest first; they are asked for when the panel opens.
function pastOf(p) {
  const place = make("section", { hidden: true });
  fetch(`/api/problems/${encodeURIComponent(p.identity)}/history`).then((response) => response.json()).then(({ entries }) => {
    if (!entries.length) return;
    place.append(make("h3", {}, "History"), make("ol", { class: "past" }, entries.map((entry) => make("li", {},
      make("div", { class: "muted" }, moment(entry.at), ` \u00b7 ${entry.who}`, entry.what === "undo" && " took a decision back"),
      entry.after ? decisionLines({ state: entry.after.state, reason: entry.after.reason, owner: entry.after.owner, expires: entry.after.expires })
        : make("p", {}, "no decision holds any more")))));
    place.hidden = false;
  }).catch(() => { /* the panel goes without it */ });
  return place;
}

// Who has logged in here can log out; whom a proxy names does that there.
async function logOut() {
  await fetch("/logout", { method: "POST", headers: { "X-Secagg-Token": DATA.live.csrf } });
  location.assign("/logout");
}

if (DATA.live.person) {
  document.querySelector(".tools").append(make("button", { type: "button", title: DATA.live.person, onclick: logOut }, "Log out"));
}
