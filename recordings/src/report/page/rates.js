// Charts of how many commands there were, and how fast they were.

function ratioChart(market) {
  const section = card({
    title: "Orders per trade",
    half: true,
    text: "Accepted place, amend and cancel commands for each trade.",
    legend: [
      [block("bar"), "each interval"],
      [stroke("mark dash"), "whole run"],
    ],
  });
  show(section, (width) => {
    if (!market.t.length) return NONE;
    const x = range(market.t),
      height = 240,
      windows = Math.min(60, Math.floor(width / 16), market.t.length);
    const size = (x[1] - x[0]) / windows,
      messages = Array(windows).fill(0),
      trades = Array(windows).fill(0);
    market.t.forEach((t, at) => {
      const window = Math.min(windows - 1, Math.floor((t - x[0]) / size));
      messages[window] += market.messages[at];
      trades[window] += market.trades[at];
    });
    const ratio = messages.map((it, at) => (trades[at] ? it / trades[at] : null));
    const all = sum(trades) ? sum(messages) / sum(trades) : null;
    if (all === null) return { none: `${many(sum(messages), "order")}, and no trade.` };
    const most = Math.max(...found(ratio), all);
    const it = frame({ width, height, x, low: 0, high: most * 1.06 });
    const half = it.X(x[0] + size) - it.left,
      bars = ratio
        .map((r, at) =>
          r === null
            ? ""
            : `<rect class="fill bar" x="${(it.X(x[0] + at * size) + 1).toFixed(1)}" width="` +
              `${Math.max(1, half - 2).toFixed(1)}" y="${it.Y(r).toFixed(1)}" height="` +
              `${(it.bottom - it.Y(r)).toFixed(1)}"/>`,
        )
        .join("");
    const y = it.Y(all).toFixed(1),
      short = (r) => (r === null ? "–" : r.toFixed(1));
    return {
      svg: `${it.svg}${bars}<path class="line mark dash" d="M${it.left} ${y}H${it.right}"/>`,
      height,
      top: it.top,
      bottom: it.bottom,
      places: ratio.map((_, at) => it.X(x[0] + (at + 0.5) * size)),
      says: `${many(sum(messages), "order")} and ${many(sum(trades), "trade")}: ${short(all)} for each trade.`,
      at: (at) =>
        `From ${moment(x[0] + at * size)}: ${many(messages[at], "order")}, ${many(trades[at], "trade")}, ` +
        `${short(ratio[at])} for each trade`,
      table: {
        heads: [isTime ? "From (UTC)" : "From", "Orders", "Trades", "Orders per trade"],
        rows: ratio.map((r, at) => [moment(x[0] + at * size), count(messages[at]), count(trades[at]), short(r)]),
      },
    };
  });
}

function latencyChart(from) {
  const shown = Math.max(0, data.latency.t.findIndex((position) => position >= from));
  const [t, p50, p99, p999, max] = ["t", "p50", "p99", "p999", "max"].map((it) => data.latency[it].slice(shown));
  if (!t.length) return;
  const section = card({
    title: "Latency of the engine",
    half: true,
    text: "Time for one command in the core, without input and output.",
    legend: [
      [stroke("bid"), "50 %"],
      [stroke("calm dash"), "99 %"],
      [stroke("ask dots"), "99.9 %"],
      [stroke("high"), "maximum"],
    ],
  });
  show(section, (width) => {
    const x = range(t),
      height = 240,
      values = [...p50, ...p99, ...p999, ...max].map((it) => Math.max(1, it));
    const [least, most] = extent(values);
    const it = frame({
      width,
      height,
      x,
      low: 10 ** Math.floor(Math.log10(least)),
      high: 10 ** Math.ceil(Math.log10(most * 1.01)),
      logarithmic: true,
      label: duration,
    });
    const drawn = (list, name) =>
      `<path class="line ${name}" d="${line(
        t,
        list.map((it) => Math.max(1, it)),
        it.X,
        it.Y,
      )}"/>`;
    const says = (at) =>
      `50 %: ${duration(p50[at])}, 99 %: ${duration(p99[at])}, 99.9 %: ${duration(p999[at])}, maximum: ` +
      `${duration(max[at])}`;
    const half = [...p50].sort((a, b) => a - b)[Math.floor(p50.length / 2)];
    return {
      svg: it.svg + drawn(max, "high") + drawn(p999, "ask dots") + drawn(p99, "calm dash") + drawn(p50, "bid"),
      height,
      top: it.top,
      bottom: it.bottom,
      places: t.map(it.X),
      says:
        `Half of the intervals have a median of at most ${duration(half)}. The slowest command took ` +
        `${duration(Math.max(...max))}.`,
      at: (at) => `${moment(t[at])}: ${says(at)}`,
      table: {
        heads: [isTime ? "Until (UTC)" : "Until", "50 %", "99 %", "99.9 %", "Maximum"],
        rows: t.map((it, at) => [
          moment(it),
          duration(p50[at]),
          duration(p99[at]),
          duration(p999[at]),
          duration(max[at]),
        ]),
      },
    };
  });
}
