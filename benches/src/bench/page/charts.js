// Charts of a measurement.

const STYLES = ["bid", "ask", "calm", "mark", "bid dash", "ask dash", "calm dash", "mark dash", "bid dots"];
const style = (at) => STYLES[at % STYLES.length];
const times = (ratio) => `${ratio < 1000 ? Number(ratio.toPrecision(3)) : count(ratio)} ×`;

// Lines over a logarithmic axis of values: `xs` are positions, and each of `lines` is [name, values].
function linesChart({ title, text, half, xs, xTicks, lines, label, at, table }) {
  const section = card({ title, half, text, legend: lines.map(([name], i) => [stroke(style(i)), name]) });
  show(section, (width) => {
    const values = found(lines.flatMap(([, ys]) => ys)).map((it) => Math.max(1e-3, it));
    if (!values.length) return { none: "Nothing was measured." };
    const [least, most] = extent(values);
    const low = 10 ** Math.floor(Math.log10(least)),
      high = 10 ** Math.max(Math.log10(low) + 1, Math.ceil(Math.log10(most * 1.01)));
    const x = xs[xs.length - 1] > xs[0] ? [xs[0], xs[xs.length - 1]] : [xs[0] - 0.5, xs[0] + 0.5];
    const it = frame({ width, height: 280, x, low, high, logarithmic: true, label, xTicks, isWhole: true });
    const drawn = lines.map(
      ([, ys], i) =>
        `<path class="line ${style(i)}" d="${line(
          xs,
          ys.map((y) => (y === null ? null : Math.max(1e-3, y))),
          it.X,
          it.Y,
        )}"/>`,
    );
    return {
      svg: it.svg + drawn.join(""),
      height: 280,
      top: it.top,
      bottom: it.bottom,
      places: xs.map(it.X),
      says: at(xs.length - 1),
      at,
      table,
    };
  });
}

// How long the slowest commands took. A position is the number of nines of its share.
function latencyChart({ name, text, curves }) {
  const xs = curves.map((it) => it.nines).reduce((a, b) => (b.length > a.length ? b : a), []);
  const share = (nines) => `${Number((100 * (1 - 10 ** -nines)).toPrecision(Math.max(3, Math.floor(nines) + 2)))} %`;
  const lines = curves.map((it) => [it.name, xs.map((_, i) => (i < it.ns.length ? it.ns[i] : null))]);
  const cell = (value) => (value === null ? "–" : duration(value));
  linesChart({
    title: `Latency: ${name}`,
    text,
    half: true,
    xs,
    lines,
    label: duration,
    xTicks: share,
    at: (i) =>
      lines.length === 1
        ? `${share(xs[i])} took at most ${cell(lines[0][1][i])}`
        : `${share(xs[i])} took at most: ${lines.map(([name, ys]) => `${name} ${cell(ys[i])}`).join(", ")}`,
    table: {
      heads: ["Share", ...lines.map(([name]) => name)],
      rows: xs.map((it, i) => [share(it), ...lines.map(([, ys]) => cell(ys[i]))]),
    },
  });
}

// How costs grow with a size.
function growthChart({ axis, sizes, kinds }) {
  const lines = kinds.map(({ name, ratios }) => [name, ratios]);
  linesChart({
    title: `Cost by the number of ${axis}`,
    text:
      `Each cost as a multiple of the cost with ${many(sizes[0], axis.slice(0, -1))}. Memory is that of one order, ` +
      "as a multiple of its first value: it is measured from 10,000 orders on.",
    xs: sizes.map(Math.log10),
    lines,
    label: (it) => `${it < 1 ? it : count(it)} ×`,
    xTicks: (at) => axisNumber(10 ** at, Math.max(1, 10 ** at)),
    at: (i) =>
      `${many(sizes[i], axis.slice(0, -1))}: ${lines
        .filter(([, ys]) => ys[i] !== null)
        .map(([name, ys]) => `${name} ${times(ys[i])}`)
        .join(", ")}`,
    table: {
      heads: [axis, ...kinds.map((it) => it.name)],
      rows: sizes.map((size, i) => [
        count(size),
        ...kinds.map(({ ratios, texts }) => (ratios[i] === null ? "–" : `${texts[i]} (${times(ratios[i])})`)),
      ]),
    },
  });
}

// The runs of each measurement, in percent of their median.
function runsChart(measured) {
  const most = data.growth.length ? 0 : 60;
  const rows = measured.filter((it) => it.median > 0 && it.runs.length > 1).slice(0, most);
  if (!rows.length) return;
  const section = card({
    title: "Runs",
    text: "Each run in percent of the median of its row. Runs far from the median were disturbed.",
    legend: [
      [sample('<circle class="fill bid soft" cx="13" cy="6" r="4"/>'), "a run"],
      [stroke("mark"), "median"],
    ],
  });
  show(section, (width) => {
    const percent = rows.map((it) => it.runs.map((run) => (100 * run) / it.median));
    const [least, high] = extent([...percent.flatMap((it) => it.flatMap((p) => [p - 1, p + 1])), 95, 105]);
    const tall = 24,
      height = rows.length * tall + 34;
    const margin = Math.min(width * 0.4, Math.max(...rows.map((it) => it.name.length)) * 7 + 14);
    const it = frame({
      width,
      height,
      x: [least, high],
      low: 0,
      high: rows.length,
      margin,
      label: () => "",
      xTicks: (at) => `${Number(at.toPrecision(4))} %`,
    });
    const room = Math.floor((margin - 14) / 7);
    const drawn = rows.map((row, at) => {
      const y = it.top + ((at + 0.5) * (it.bottom - it.top)) / rows.length;
      const name = row.name.length > room ? `${row.name.slice(0, room - 1)}…` : row.name;
      const dots = percent[at].map((p) => `<circle class="fill bid soft" cx="${it.X(p).toFixed(1)}" cy="${y}" r="4"/>`);
      const middle = it.X(100).toFixed(1);
      return (
        `<text x="${margin - 8}" y="${y + 4}" text-anchor="end">${escaped(name)}</text>${dots.join("")}` +
        `<path class="line mark" d="M${middle} ${y - 8}V${y + 8}"/>`
      );
    });
    const widest = Math.max(...rows.map((row) => row.spread));
    return {
      svg: it.svg + drawn.join(""),
      height,
      top: it.top,
      bottom: it.bottom,
      places: [],
      says: `The widest spread between quartiles is ${widest.toFixed(1)} % of the median.`,
      at: () => "",
      table: {
        heads: ["Measurement", "Median", "Lowest", "Highest", "Spread"],
        rows: rows.map((row) => {
          const [low, high] = extent(row.runs);
          return [row.name, count(row.median), count(low), count(high), `${row.spread.toFixed(1)} %`];
        }),
      },
    };
  });
}

runsChart(data.measured);
data.growth.forEach(growthChart);
data.latency.forEach(latencyChart);
cards.forEach((draw) => draw());
