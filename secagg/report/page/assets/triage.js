// Deciding from the page: only on a page that is served live, by a server that takes decisions.
const DECISIONS = [["confirmed", "confirmed"], ["false-positive", "false positive"], ["accepted", "accepted"], ["open", "open again"]];

function field(label, control) {
  return make("label", {}, label, control);
}

function triageForm(p) {
  if (!DATA.live || DATA.live.read_only || p.state === "fixed") return null;
  const t = p.triage || {};
  const state = make("select", { name: "state" }, DECISIONS.map(([value, text]) => make("option", { value }, text)));
  const reason = make("input", { name: "reason", required: true, maxlength: 4000, autocomplete: "off" });
  const owner = make("input", { name: "owner", maxlength: 200, autocomplete: "off", value: t.owner });
  const expires = make("input", { name: "expires", type: "date", value: t.expires });
  const said = make("p", { role: "alert", class: "late" });
  const button = make("button", { type: "submit" }, "Decide");
  const form = make("form", { class: "triage" },
    field("State", state), field("Reason", reason), field("Owner (optional)", owner),
    field("Until (optional)", expires), button, said);
  if (t.state) state.value = t.state;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    decide(p, { state: state.value, reason: reason.value, owner: owner.value || null, expires: expires.value || null })
      .catch((error) => { said.textContent = error.message; })
      .finally(() => { button.disabled = false; });
  });
  return form;
}

async function decide(p, decision) {
  const response = await fetch("/api/triage", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Secagg-Token": DATA.live.csrf },
    body: JSON.stringify({ identities: [p.identity], ...decision }),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new Error(typeof answer.detail === "string" ? answer.detail : `not taken (${response.status})`);
  }
  for (const changed of answer.problems) {
    const at = PROBLEMS.findIndex((other) => other.identity === changed.identity);
    if (at >= 0) {
      PROBLEMS[at] = changed;
      INDEX[at] = searchText(changed);
    }
  }
  ask({});
  news();
  showAsked();
  const now = PROBLEMS.find((other) => other.identity === p.identity);
  if (now) openDetails(now, true);
}
