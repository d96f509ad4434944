// The trend: counts by severity over the recorded runs, stacked, worst at the bottom.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const HEIGHT = 120;

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function trendChart(runs) {
  const order = ["critical", "high", "unknown", "medium", "low", "none"];
  const used = order.filter((s) => runs.some((run) => run.counts[s]));
  const totals = runs.map((run) => used.reduce((sum, s) => sum + (run.counts[s] || 0), 0));
  const top = Math.max(1, ...totals);
  const times = runs.map((run) => Date.parse(run.at));
  const span = Math.max(1, times.at(-1) - times[0]);
  const x = (i) => ((times[i] - times[0]) / span) * WIDTH;
  const y = (value) => HEIGHT - (value / top) * HEIGHT;
  const words = `${plural(runs.length, "run")}, from ${totals[0]} problems on ${day(runs[0].at)} `
    + `to ${totals.at(-1)} on ${day(runs.at(-1).at)}`;
  const chart = svg("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
    "aria-label": `Problems by severity over ${words}`, class: "chart",
  });
  let below = runs.map(() => 0);
  for (const severity of used) {
    const above = runs.map((run, i) => below[i] + (run.counts[severity] || 0));
    const points = above.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`)
      .concat(below.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).reverse());
    chart.append(svg("polygon", { points: points.join(" "), class: `area s-${severity}` }));
    below = above;
  }
  return make("figure", { class: "trend" },
    make("div", { class: "plot" }, make("span", { class: "most" }, number(top)), chart),
    make("figcaption", {}, make("span", {}, day(runs[0].at)),
      make("span", { class: "legend" }, used.map((s) => make("span", { class: `key s-${s}` }, s))),
      make("span", {}, day(runs.at(-1).at))));
}
