// Cards that hold a picture.

const sample = (shape) => `<svg viewBox="0 0 26 12" aria-hidden="true">${shape}</svg>`;
const stroke = (name) => sample(`<path class="line ${name}" d="M1 6H25"/>`);
const block = (name) => sample(`<rect class="fill ${name}" x="1" y="1" width="24" height="10"/>`);
const cards = [];
function card({ title, text, legend, half, controls }) {
  const section = document.createElement("section");
  section.className = half ? "card half" : "card";
  const items = (legend || []).map(([mark, name]) => `<li>${mark}${escaped(name)}</li>`).join("");
  section.innerHTML =
    `<h2>${escaped(title)}</h2>${text ? `<p>${escaped(text)}</p>` : ""}${controls || ""}` +
    `<ul class="legend">${items}</ul><div class="plot"></div><p class="readout" aria-live="polite"></p>` +
    `<details><summary>Values as a table</summary><div class="wide"></div></details>`;
  byId("charts").append(section);
  return section;
}
// Fills a card. `build` returns the picture for a width: its text, the positions that the reader can point at, what
// it says about one of them, and the rows of its table.
function show(section, build) {
  const plot = section.querySelector(".plot"),
    readout = section.querySelector(".readout");
  const details = section.querySelector("details"),
    legend = section.querySelector(".legend");
  const title = section.querySelector("h2").textContent;
  const draw = (width) => {
    const w = Math.max(260, Math.floor(width || plot.clientWidth || 600));
    const it = build(w);
    const isEmpty = it.svg === undefined;
    legend.hidden = details.hidden = readout.hidden = isEmpty;
    if (isEmpty) {
      plot.innerHTML = `<p class="empty">${escaped(it.none)}</p>`;
      return;
    }
    plot.innerHTML =
      `<svg viewBox="0 0 ${w} ${it.height}" role="img" tabindex="0" aria-label="` +
      `${escaped(`${title}. ${it.says}`)}">` +
      `<g>${it.svg}</g><path class="cursor" d=""/></svg>`;
    readout.textContent = it.says;
    const svg = plot.firstChild,
      cursor = svg.lastChild;
    let chosen = -1;
    const choose = (at) => {
      chosen = at;
      const px = it.places[at];
      cursor.setAttribute("d", px === undefined ? "" : `M${px.toFixed(1)} ${it.top}V${it.bottom}`);
      readout.textContent = px === undefined ? it.says : it.at(at);
    };
    const nearest = (event) => {
      const box = svg.getBoundingClientRect(),
        px = ((event.clientX - box.left) * w) / box.width;
      let best = 0;
      it.places.forEach((place, at) => {
        if (Math.abs(place - px) < Math.abs(it.places[best] - px)) best = at;
      });
      return best;
    };
    svg.onpointermove = (event) => choose(nearest(event));
    svg.onpointerleave = () => choose(-1);
    svg.onclick = (event) => {
      if (it.pick) it.pick(nearest(event));
    };
    svg.onkeydown = (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1, PageDown: 20, PageUp: -20 }[event.key];
      if (!move) return;
      event.preventDefault();
      choose(Math.min(Math.max(chosen + move, 0), it.places.length - 1));
    };
    details.ontoggle = () => {
      const { heads, rows } = it.table,
        every = Math.max(1, Math.ceil(rows.length / 60));
      const cells = (list, tag) => `<tr>${list.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
      details.querySelector(".wide").innerHTML =
        `<table><thead>${cells(heads, "th")}</thead><tbody>` +
        rows
          .filter((_, at) => at % every === 0)
          .map((row) => cells(row, "td"))
          .join("") +
        "</tbody></table>";
    };
    if (details.open) details.ontoggle();
  };
  cards.push(draw);
  return draw;
}
// A page has another width than the window.
addEventListener("beforeprint", () => cards.forEach((draw) => draw(680)));
addEventListener("afterprint", () => cards.forEach((draw) => draw()));
let before = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== before) cards.forEach((draw) => draw());
  before = innerWidth;
});
