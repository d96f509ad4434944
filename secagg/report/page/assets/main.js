// Start: draw what the address asks for, and listen.
const theme = {
  read(name) { try { return localStorage.getItem(`secagg-${name}`); } catch { return null; } },
  write(name, value) { try { localStorage.setItem(`secagg-${name}`, value); } catch { /* a private window */ } },
  dark() {
    const set = document.documentElement.dataset.theme;
    return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  },
  show(value) {
    if (value === "dark" || value === "light") document.documentElement.dataset.theme = value;
    byId("theme").textContent = theme.dark() ? "Light" : "Dark";
    byId("theme").setAttribute("aria-label", theme.dark() ? "Use light colours" : "Use dark colours");
  },
};

theme.show(theme.read("theme"));
byId("theme").addEventListener("click", () => {
  const next = theme.dark() ? "light" : "dark";
  theme.write("theme", next);
  theme.show(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme.show());

for (const [names, text] of KEYS) {
  const shownNames = names.map((name) => make("kbd", {}, { ArrowDown: "\u2193", ArrowUp: "\u2191", Escape: "Esc" }[name] || name));
  byId("keys").append(make("dt", {}, shownNames), make("dd", {}, text));
}
byId("help-button").addEventListener("click", () => byId("help").showModal());
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("q").addEventListener("input", () => ask({ q: byId("q").value }));
byId("clear").addEventListener("click", () => { ask({ ...EMPTY, sort: asked.sort, group: asked.group, id: asked.id }); byId("q").focus(); });
byId("more").addEventListener("click", () => {
  const open = byId("choices").classList.toggle("open");
  byId("more").setAttribute("aria-expanded", String(open));
});
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); list.focus(); });
document.addEventListener("keydown", onKey);

// The dashboard stands folded, so that the list is in sight; who opens it finds it open again.
byId("dashboard").open = theme.read("dashboard") === "open";
byId("dashboard").addEventListener("toggle", () => {
  theme.write("dashboard", byId("dashboard").open ? "open" : "folded");
  if (byId("dashboard").open && panelsDrawn === null) panels(matching().length);
  scheduleRows();
});

function follow() {
  asked = readFragment(location.hash.slice(1));
  ask({});
  const linked = PROBLEMS.find((p) => asked.id && p.identity === asked.id);
  if (linked) openDetails(linked, false);
  else { details.hidden = true; document.body.classList.remove("with-details"); }
}

addEventListener("hashchange", follow);
about();
choices();
follow();
document.documentElement.dataset.ready = "1";
performance.mark("ready");
(window.requestIdleCallback || setTimeout)(index);
