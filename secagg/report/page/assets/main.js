// Start: draw what the address asks for, and listen.
const theme = {
  read() { try { return localStorage.getItem("secagg-theme"); } catch { return null; } },
  write(value) { try { localStorage.setItem("secagg-theme", value); } catch { /* a private window */ } },
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

theme.show(theme.read());
byId("theme").addEventListener("click", () => {
  const next = theme.dark() ? "light" : "dark";
  theme.write(next);
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
byId("clear").addEventListener("click", () => { ask({ ...EMPTY, sort: asked.sort, id: asked.id }); byId("q").focus(); });
byId("more").addEventListener("click", () => {
  const open = byId("choices").classList.toggle("open");
  byId("more").setAttribute("aria-expanded", String(open));
});
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); list.focus(); });
document.addEventListener("keydown", onKey);

function follow() {
  asked = readFragment();
  ask({});
  const linked = PROBLEMS.find((p) => asked.id && p.identity === asked.id);
  if (linked) openDetails(linked, false);
  else { details.hidden = true; document.body.classList.remove("with-details"); }
}

addEventListener("hashchange", follow);
about();
choices();
news();
panels();
follow();
document.documentElement.dataset.ready = "1";
performance.mark("ready");
