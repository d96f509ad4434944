// The trend: counts by severity over the recorded runs, stacked, worst at the bottom. Its values
// show under the pointer, and by the arrow keys.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const HEIGHT = 120;

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function trendChart(runs, severities) {
  const used = SEVERITIES.filter((s) => severities.includes(s) && runs.some((run) => run.counts[s]));
  const totals = runs.map((run) => used.reduce((sum, s) => sum + (run.counts[s] || 0), 0));
  const top = Math.max(1, ...totals);
  const times = runs.map((run) => Date.parse(run.at));
  const span = Math.max(1, times.at(-1) - times[0]);
  const x = (i) => ((times[i] - times[0]) / span) * WIDTH;
  const y = (value) => HEIGHT - (value / top) * HEIGHT;
  const words = (i) => `${day(runs[i].at)}: ${plural(totals[i], "problem")}${used.length > 1 || !totals[i] ? "" : ` (${used[0]})`}`
    + (used.length > 1 ? ` (${used.filter((s) => runs[i].counts[s]).map((s) => `${number(runs[i].counts[s])} ${s}`).join(", ")})` : "");
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "chart" });
  let below = runs.map(() => 0);
  for (const severity of used) {
    const above = runs.map((run, i) => below[i] + (run.counts[severity] || 0));
    const points = above.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`)
      .concat(below.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).reverse());
    chart.append(svg("polygon", { points: points.join(" "), class: `area s-${severity}` }));
    below = above;
  }
  const mark = svg("line", { x1: WIDTH, x2: WIDTH, y1: 0, y2: HEIGHT, class: "mark" });
  chart.append(mark);
  const said = make("p", { class: "values" });
  const plot = make("div", {
    class: "plot", tabindex: "0", role: "slider", "aria-label": `Problems by severity over ${plural(runs.length, "complete run")}`,
    "aria-valuemin": 0, "aria-valuemax": runs.length - 1,
  }, make("span", { class: "most" }, number(top)), chart);
  let at = runs.length - 1;
  const show = (i) => {
    at = Math.max(0, Math.min(runs.length - 1, i));
    said.textContent = words(at);
    plot.setAttribute("aria-valuenow", at);
    plot.setAttribute("aria-valuetext", words(at));
    for (const end of ["x1", "x2"]) mark.setAttribute(end, x(at).toFixed(1));
  };
  show(at);
  plot.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const moment = ((event.clientX - box.left) / box.width) * WIDTH;
    show(runs.reduce((best, _, i) => (Math.abs(x(i) - moment) < Math.abs(x(best) - moment) ? i : best), 0));
  });
  plot.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowDown: at - 1, ArrowUp: at + 1, Home: 0, End: runs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    show(to);
  });
  return make("figure", { class: "trend" }, plot,
    make("figcaption", {}, make("span", {}, day(runs[0].at)), make("span", {}, day(runs.at(-1).at)), said,
      make("span", { class: "legend" }, used.map((s) => make("span", { class: `key s-${s}` }, s)))));
}
