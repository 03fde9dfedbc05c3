// Axes and paths.

// A frame with axes. `low` and `high` are the ends of its vertical axis.
// If `isWhole` is set, the ticks of the other axis are whole numbers.
function frame({ width, height, x, low, high, label, logarithmic, xTicks, isWhole, margin = 30 }) {
  const flat = !(high > low);
  if (flat) [low, high] = [low - (Math.abs(low) / 10 || 1), high + (Math.abs(high) / 10 || 1)];
  const step = niceStep(high - low, Math.max(2, Math.floor(height / 48)));
  let lines = logarithmic
    ? [...Array(16).keys()].map((it) => 10 ** (it - 3)).filter((it) => it >= low && it <= high)
    : ticks(low, high, step);
  const texts = lines.map((it) => (label ? label(it, step) : axisNumber(it, step)));
  const left = Math.max(margin, ...texts.map((it) => it.length * 7 + 12)),
    right = width - 10,
    top = 8,
    bottom = height - 24;
  const level = logarithmic ? Math.log10 : (it) => it;
  const X = (it) => left + ((it - x[0]) / (x[1] - x[0])) * (right - left);
  const Y = (it) => bottom - ((level(it) - level(low)) / (level(high) - level(low))) * (bottom - top);
  let svg = "";
  lines.forEach((it, at) => {
    if (!texts[at]) return;
    const y = Y(it).toFixed(1);
    svg +=
      `<path class="rule" d="M${left} ${y}H${right}"/><text x="${left - 6}" y="${+y + 4}" ` +
      `text-anchor="end">${texts[at]}</text>`;
  });
  if (xTicks !== false) {
    const most = Math.max(2, Math.floor((right - left) / 90));
    const nice = xTicks ? niceStep(x[1] - x[0], most) : timeStep(x[1] - x[0], most);
    const step = isWhole ? Math.ceil(nice) : nice;
    // The origin is in whole milliseconds, and nanoseconds since 1970 have more digits than a number.
    const base = xTicks || (isTime && step < 1e6) ? 0 : isTime ? (data.origin % (step / 1e6)) * 1e6 : data.origin;
    for (const at of ticks(x[0], x[1], step, base)) {
      const text = xTicks ? xTicks(at, step) : clock(at, step),
        half = text.length * 3.5;
      const place = Math.min(Math.max(X(at), half + 2), width - half - 2);
      svg +=
        `<path class="rule" d="M${X(at).toFixed(1)} ${bottom}v4"/><text x="${place.toFixed(1)}" y="` +
        `${bottom + 18}" text-anchor="middle">${text}</text>`;
    }
  }
  svg += `<path class="axis" d="M${left} ${bottom}H${right}"/>`;
  return { svg, X, Y, left, right, top, bottom, low, high };
}

// Paths. A `null` interrupts a line. A stepped line keeps a value until the next one.
function line(xs, ys, X, Y, stepped) {
  let path = "",
    pen = false;
  ys.forEach((y, at) => {
    if (y === null) {
      pen = false;
      return;
    }
    const px = X(xs[at]).toFixed(1),
      py = Y(y).toFixed(1);
    path += pen ? (stepped ? `H${px}V${py}` : `L${px} ${py}`) : `M${px} ${py}`;
    if (!pen && (at + 1 === ys.length || ys[at + 1] === null)) path += "h1.5";
    pen = true;
  });
  return path;
}
function area(xs, lows, highs, X, Y) {
  let path = "",
    from = 0;
  for (let at = 0; at <= xs.length; at++) {
    if (at < xs.length && highs[at] !== null) continue;
    if (at > from) {
      const end = at < xs.length ? X(xs[at]) : X(xs[at - 1]) + 1.5;
      let there = "",
        back = "";
      for (let i = from; i < at; i++) {
        const next = i + 1 < at ? X(xs[i + 1]) : end;
        there += `${i === from ? "M" : "L"}${X(xs[i]).toFixed(1)} ${Y(highs[i]).toFixed(1)}H${next.toFixed(1)}`;
        back = `L${next.toFixed(1)} ${Y(lows[i]).toFixed(1)}H${X(xs[i]).toFixed(1)}` + back;
      }
      path += there + back + "Z";
    }
    from = at + 1;
  }
  return path;
}
