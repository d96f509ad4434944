// Deciding: on one problem in its panel, on many in a dialog that shows which. A page that a server
// takes decisions from sends them; any other page says the command that decides.
const DECISIONS = [["confirmed", "confirmed"], ["false-positive", "false positive"], ["accepted", "accepted"], ["open", "open again"]];
const PREVIEWED = 200;
const ID_SHOWN = 10;
const takesDecisions = Boolean(DATA.live && !DATA.live.read_only);
const bar = byId("bar");
const dialog = byId("decide");

const chosen = () => [...picked].sort((a, b) => a - b).map((i) => PROBLEMS[i]);

function field(label, control) {
  return make("label", {}, label, control);
}

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

// The commands that decide as the form says, one for each repository.
function commands(problems, said) {
  const of = new Map();
  for (const p of problems) {
    if (!of.has(p.repository)) of.set(p.repository, []);
    of.get(p.repository).push(p.identity.slice(0, ID_SHOWN));
  }
  return [...of].map(([repository, ids]) => ["secagg triage", ...ids, "--state", said.state, "--reason", quoted(said.reason || "..."),
    ...(said.owner ? ["--owner", quoted(said.owner)] : []), ...(said.expires ? ["--expires", said.expires] : []),
    ...(DATA.several && repository ? ["--repo", quoted(repository)] : [])].join(" ")).join("\n");
}

// `problems` answers those to decide on; `done` is called once they are decided on.
function decisionForm(problems, button, done) {
  const first = problems()[0] || {};
  const t = problems().length === 1 ? first.triage || {} : {};
  const state = make("select", { name: "state" }, DECISIONS.map(([value, text]) => make("option", { value }, text)));
  const reason = make("input", { name: "reason", required: true, maxlength: 4000, autocomplete: "off" });
  const owner = make("input", { name: "owner", maxlength: 200, autocomplete: "off", value: t.owner });
  const expires = make("input", { name: "expires", type: "date", value: t.expires });
  const said = make("p", { role: "alert", class: "late" });
  const command = make("textarea", { readonly: true, rows: 3, "aria-label": "Command that decides", spellcheck: "false" });
  const submit = make("button", { type: "submit", class: "main" }, takesDecisions ? button : "Copy the command");
  const form = make("form", { class: "triage" },
    field("State", state), field(takesDecisions ? "Reason" : "Reason (it stands in the command)", reason),
    field("Owner (optional)", owner), field("Until (optional)", expires),
    !takesDecisions && command, submit, said);
  if (DECISIONS.some(([value]) => value === t.state)) state.value = t.state;
  const answers = () => ({ state: state.value, reason: reason.value.trim(), owner: owner.value.trim() || null, expires: expires.value || null });
  const show = () => { command.value = commands(problems(), answers()); };
  if (!takesDecisions) {
    form.addEventListener("input", show);
    form.noValidate = true;
    show();
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!takesDecisions) {
      command.select();
      const copied = navigator.clipboard ? navigator.clipboard.writeText(command.value) : Promise.reject(new Error("no clipboard"));
      copied.then(() => tell("The command is copied."), () => tell("The command is selected: copy it."));
      return;
    }
    said.textContent = "";
    submit.disabled = true;
    decide(problems(), answers()).then(done)
      .catch((error) => { said.textContent = error.message; })
      .finally(() => { submit.disabled = false; });
  });
  return form;
}

// Approve the decision of another person: it counts once enough people have made it.
function approve(p) {
  const { state, reason, owner = null, expires = null } = p.unapproved;
  decide([p], { state, reason, owner, expires }).then(({ at }) => goOn(p.identity, at)).catch((error) => tell(error.message));
}

function decideOn(p) {
  if (p.state === "fixed") return null;
  const form = decisionForm(() => [p], "Decide", ({ at }) => goOn(p.identity, at));
  if (takesDecisions) return form;
  return make("details", {}, make("summary", {}, "The command that decides"), form);
}

// The problem after the one that was decided on, whether that is still in the list or not.
function goOn(identity, at) {
  const still = items.findIndex((item) => !item.group && PROBLEMS[item.i].identity === identity);
  let next = still >= 0 ? still + 1 : at;
  while (items[next] && items[next].group) next += 1;
  if (!items[next]) {
    closeDetails();
    return;
  }
  moveTo(next);
  openDetails(current(), true);
}

function showPicked() {
  bar.hidden = picked.size === 0;
  byId("picked").textContent = `${plural(picked.size, "problem")} chosen`;
  document.body.classList.toggle("with-bar", picked.size > 0);
}

function decideKey() {
  if (picked.size) {
    openDialog();
    return;
  }
  if (!current()) return;
  if (details.hidden) openDetails(current(), false);
  const reason = details.querySelector("input[name=reason]");
  if (!reason) return;
  const closed = reason.closest("details");
  if (closed) closed.open = true;
  reason.focus();
}

function openDialog() {
  const all = chosen();
  const standing = all.filter((p) => p.state !== "fixed");
  const gone = all.length - standing.length;
  const counts = SEVERITIES.map((s) => [s, standing.filter((p) => p.label === s).length]).filter(([, n]) => n);
  const decided = standing.filter((p) => p.triage).length;
  const rest = standing.length - PREVIEWED;
  dialog.replaceChildren(
    make("h2", { id: "decide-title" }, `Decide on ${plural(standing.length, "problem")}`),
    make("p", {}, counts.map(([s, n]) => `${number(n)} ${s}`).join(", "),
      decided > 0 && `; ${number(decided)} with a decision, which this one replaces`,
      gone > 0 && `; ${number(gone)} fixed, which are left out`),
    make("ul", { class: "preview", tabindex: "0", "aria-label": "What is decided on" }, standing.slice(0, PREVIEWED).map((p) => make("li", {},
      badge(p.label), make("span", { class: "what" }, middle(p.what)), make("span", { class: "where" }, middle(p.where)),
      make("span", { class: "muted" }, p.state))),
    rest > 0 && make("li", {}, `and ${number(rest)} more`)),
    standing.length ? decisionForm(() => standing, `Decide on ${plural(standing.length, "problem")}`, () => {
      dialog.close();
      pickNothing();
      list.focus({ preventScroll: true });
    }) : "",
    make("form", { method: "dialog" }, make("button", {}, "Cancel")));
  dialog.showModal();
}

// Say something that has happened, with a way back if there is one.
function tell(text, back) {
  byId("said").replaceChildren(text, ...(back ? [" ", make("button", { type: "button", onclick: back }, "Undo")] : []));
  byId("said").hidden = false;
}

bar.append(make("b", { id: "picked" }, ""),
  make("button", { type: "button", class: "main", onclick: openDialog }, "Decide \u2026"),
  make("button", { type: "button", onclick: () => pickShown() }, "All in the list"),
  make("button", { type: "button", onclick: () => pickNothing() }, "None"));
