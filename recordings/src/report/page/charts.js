// Charts of values over time.

// The horizontal range of a market, at least one unit wide.
function range(ts) {
  const [first, last] = [ts[0], ts[ts.length - 1]];
  const least = isTime ? 1e9 : 2;
  return last > first ? [first, last] : [first - least / 2, last + least / 2];
}
// A market without what is long before the rest, such as orders that rested at the start of a recording and have
// their own times. Intervals are left out that are before a pause of more than half of the whole time.
function withoutStart(market) {
  const { t } = market,
    at = t.findIndex((position, at) => at > 0 && position - t[at - 1] > (t[t.length - 1] - t[0]) / 2);
  if (!isTime || at < 1 || at > t.length / 2) return market;
  const cut = Object.fromEntries(
    Object.entries(market).map(([name, it]) => [name, Array.isArray(it) && it.length === t.length ? it.slice(at) : it]),
  );
  return { ...cut, tick: market.tick, lot: market.lot, epochs: market.epochs, start: t[0] };
}
const NONE = { none: "There were no orders and no trades." };

// A market with at most `most` intervals: adjacent ones become one, with sums, extremes, averages and last values.
function condensed(market, most) {
  const size = Math.ceil(market.t.length / Math.max(1, Math.floor(most)));
  if (size < 2) return market;
  const groups = (name, merge) => {
    const list = [];
    for (let at = 0; at < market.t.length; at += size) list.push(merge(market[name].slice(at, at + size)));
    return list;
  };
  const some = (merge) => (values) => (found(values).length ? merge(found(values)) : null);
  const average = some((values) => Math.round(sum(values) / values.length)),
    last = some((values) => values[values.length - 1]);
  const merges = {
    t: (values) => values[0],
    messages: sum,
    trades: sum,
    volume: sum,
    low: some((it) => Math.min(...it)),
    high: some((it) => Math.max(...it)),
    last,
    bid: last,
    ask: last,
    bid_best: average,
    bid_depth: average,
    ask_best: average,
    ask_depth: average,
    narrow: some((it) => Math.min(...it)),
    wide: some((it) => Math.max(...it)),
    spread: average,
  };
  return {
    ...market,
    ...Object.fromEntries(Object.entries(merges).map(([name, merge]) => [name, groups(name, merge)])),
  };
}

function priceChart(whole) {
  const section = card({
    title: "Price and trades",
    text:
      `The best bid and ask are shown while trading is continuous.${isTime ? ` ${clockText}` : ""}` +
      (whole.start === undefined ? "" : ` The charts leave out what was before a long pause, from ${moment(whole.start)}.`),
    legend: [
      [sample('<path class="line mark" style="stroke-width:3" d="M13 1V11"/>'), "trades, lowest to highest"],
      [stroke("bid"), "best bid"],
      [stroke("ask dash"), "best ask"],
      [block("bar"), "volume"],
    ],
  });
  show(section, (width) => {
    const market = condensed(whole, width / 2);
    if (!market.t.length) return NONE;
    const price = (it) => (it === null ? null : scaled(it, market.tick)),
      lot = (it) => scaled(it, market.lot);
    const [low, high, bid, ask] = ["low", "high", "bid", "ask"].map((name) => market[name].map(price));
    const x = range(market.t),
      traded = found(low).length > 0;
    let [from, to] = traded ? extent([...found(low), ...found(high)]) : middle([...found(bid), ...found(ask)]);
    if (!isFinite(from)) return { none: "There was no price." };
    const near = (it) =>
      traded && to > from ? Math.abs(it - (from + to) / 2) < to - from : !traded && it >= from && it <= to;
    const quotes = [...found(bid), ...found(ask)].filter(near);
    if (quotes.length) [from, to] = extent([from, to, ...quotes]);
    if (!(to > from)) {
      const half = Math.max(...quotes.map((it) => Math.abs(it - from)), price(5), Math.abs(from) / 1000);
      [from, to] = [from - half, to + half];
    }
    const room = (to - from) * 0.06 || 1,
      tall = width < 560 ? 240 : 300;
    const most = Math.max(...market.volume.map(lot)) || 1;
    const upper = (margin) =>
      frame({ width, height: tall, x, low: from - room, high: to + room, xTicks: false, margin });
    const lower = (margin) => frame({ width, height: 96, x, low: 0, high: most * 1.05, margin });
    const under = lower(upper().left),
      top = upper(under.left),
      X = top.X,
      left = top.left;
    const Xs = market.t.map(X),
      thick = Math.max(1.2, Math.min(5, ((top.right - left) / found(low).length) * 0.5));
    const bars = low
      .map((it, at) =>
        it === null
          ? ""
          : `M${Xs[at].toFixed(1)} ${(top.Y(it) + thick / 2).toFixed(1)}V${(top.Y(high[at]) - thick / 2).toFixed(1)}`,
      )
      .join("");
    const volumes = market.volume
      .map((it, at) =>
        it === 0
          ? ""
          : `M${Xs[at].toFixed(1)} ${under.bottom}V` +
            `${(under.bottom - Math.max(1, under.bottom - under.Y(lot(it)))).toFixed(1)}`,
      )
      .join("");
    const svg =
      `${within("price", top)}${top.svg}<g clip-path="url(#price)"><path class="line mark` +
      `${found(low).length > 200 ? " soft" : ""}" style="stroke-width:${thick.toFixed(1)}" d="${bars}"/>` +
      `<path class="line bid" d="${line(market.t, bid, X, top.Y, true)}"/>` +
      `<path class="line ask dash" d="${line(market.t, ask, X, top.Y, true)}"/></g>` +
      `<g transform="translate(0 ${tall - 14})">${under.svg}<path class="line bar" style="stroke-width:` +
      `${thick.toFixed(1)}" d="${volumes}"/></g>`;
    const p = (name, at) => exact(market[name][at], market.tick),
      v = (at) => exact(market.volume[at], market.lot);
    const closes = found(market.last),
      all = [Math.min(...found(market.low)), Math.max(...found(market.high))];
    return {
      svg,
      height: tall + 82,
      top: top.top,
      bottom: tall + 58,
      places: Xs,
      says: closes.length
        ? `${many(sum(market.trades), "trade")} from ${exact(all[0], market.tick)} to ` +
          `${exact(all[1], market.tick)}, ` +
          `the last at ${exact(closes[closes.length - 1], market.tick)}.`
        : "There were no trades.",
      at: (at) =>
        `${moment(market.t[at])}: ` +
        (market.trades[at]
          ? `${many(market.trades[at], "trade")} of ${v(at)} from ${p("low", at)} to ${p("high", at)}`
          : "no trade") +
        (market.bid[at] === null && market.ask[at] === null
          ? ""
          : `, best bid ${p("bid", at)}, best ask ${p("ask", at)}`),
      table: {
        heads: [
          isTime ? timeHead : "Sequence",
          "Trades",
          "Volume",
          "Lowest",
          "Highest",
          "Last",
          "Best bid",
          "Best ask",
        ],
        rows: market.t.map((t, at) => [
          moment(t),
          count(market.trades[at]),
          v(at),
          p("low", at),
          p("high", at),
          p("last", at),
          p("bid", at),
          p("ask", at),
        ]),
      },
    };
  });
}
// A limit for positive values that only some rare ones exceed.
function usual(values) {
  const sorted = found(values).sort((a, b) => a - b);
  return Math.min(sorted[sorted.length - 1], sorted[Math.ceil((sorted.length - 1) * 0.99)] * 1.3) * 1.04;
}
const within = (id, { left, right, top, bottom }) =>
  `<clipPath id="${id}"><rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/></clipPath>`;
// The range of values without the most extreme ones.
function middle(values) {
  const sorted = [...values].sort((a, b) => a - b),
    at = (part) => sorted[Math.floor((sorted.length - 1) * part)];
  return sorted.length ? [at(0.05), at(0.95)] : [Infinity, -Infinity];
}

function depthChart(whole) {
  const section = card({
    title: "Depth",
    half: true,
    text:
      `Shown quantity at the best level and at the best ${data.levels} levels, on average: asks above, ` +
      `bids below.`,
    legend: [
      [block("ask"), "best ask"],
      [block("ask pale"), `${data.levels} asks`],
      [block("bid"), "best bid"],
      [block("bid pale"), `${data.levels} bids`],
    ],
  });
  show(section, (width) => {
    const market = condensed(whole, width / 3);
    const lot = (it) => (it === null ? null : scaled(it, market.lot)),
      minus = (it) => (it === null ? null : -it);
    const [ask, asks, bid, bids] = ["ask_best", "ask_depth", "bid_best", "bid_depth"].map((name) =>
      market[name].map(lot),
    );
    if (!found(asks).length) return NONE;
    const x = range(market.t),
      height = 240,
      zero = market.t.map(() => 0);
    const high = usual(asks),
      low = -usual(bids);
    const it = frame({
      width,
      height,
      x,
      low: low || -high || -1,
      high: high || -low || 1,
      label: (it, step) => axisNumber(Math.abs(it), step),
    });
    const layer = (values, name) => `<path class="fill ${name}" d="${area(market.t, zero, values, it.X, it.Y)}"/>`;
    const svg =
      `${within("depth", it)}${it.svg}<g clip-path="url(#depth)">` +
      layer(asks, "ask pale") +
      layer(ask, "ask") +
      layer(bids.map(minus), "bid pale") +
      layer(bid.map(minus), "bid") +
      `</g><path class="axis" d="M${it.left} ${it.Y(0).toFixed(1)}H${it.right}"/>`;
    const q = (name, at) => exact(market[name][at], market.lot),
      average = (values) => sum(found(values)) / found(values).length;
    return {
      svg,
      height,
      top: it.top,
      bottom: it.bottom,
      places: market.t.map(it.X),
      says:
        `On average ${axisNumber(average(bids), niceStep(average(bids) || 1, 100))} to buy and ` +
        `${axisNumber(average(asks), niceStep(average(asks) || 1, 100))} to sell at the best ${data.levels} levels.`,
      at: (at) =>
        `${moment(market.t[at])}: bids ${q("bid_best", at)} and ${q("bid_depth", at)}, asks ` +
        `${q("ask_best", at)} and ${q("ask_depth", at)}`,
      table: {
        heads: [
          isTime ? timeHead : "Sequence",
          "Best bid",
          `${data.levels} bids`,
          "Best ask",
          `${data.levels} asks`,
        ],
        rows: market.t.map((t, at) => [
          moment(t),
          q("bid_best", at),
          q("bid_depth", at),
          q("ask_best", at),
          q("ask_depth", at),
        ]),
      },
    };
  });
}

function spreadChart(whole) {
  // A market in call has no spread.
  if (!found(whole.wide).length) return;
  const section = card({
    title: "Spread",
    half: true,
    text: "Best ask minus best bid, while trading is continuous.",
    legend: [
      [stroke("calm"), "average of each interval"],
      [block("calm pale"), "narrowest to widest"],
    ],
  });
  show(section, (width) => {
    const market = condensed(whole, width / 3);
    const price = (it) => (it === null ? null : scaled(it, market.tick));
    const [last, low, high] = ["spread", "narrow", "wide"].map((name) => market[name].map(price));
    const x = range(market.t),
      height = 240,
      it = frame({ width, height, x, low: 0, high: usual(high) || price(1) });
    const svg =
      `${within("spread", it)}${it.svg}<g clip-path="url(#spread)"><path class="fill calm pale" d="` +
      `${area(market.t, low, high, it.X, it.Y)}"/>` +
      `<path class="line calm" d="${line(market.t, last, it.X, it.Y, true)}"/></g>`;
    const p = (name, at) => exact(market[name][at], market.tick),
      sorted = found(whole.spread).sort((a, b) => a - b);
    return {
      svg,
      height,
      top: it.top,
      bottom: it.bottom,
      places: market.t.map(it.X),
      says: sorted.length
        ? `Median ${exact(sorted[Math.floor(sorted.length / 2)], market.tick)}, widest ` +
          `${exact(Math.max(...found(market.wide)), market.tick)}.`
        : "",
      at: (at) => `${moment(market.t[at])}: ${p("spread", at)}, from ${p("narrow", at)} to ${p("wide", at)}`,
      table: {
        heads: [isTime ? timeHead : "Sequence", "Spread", "Narrowest", "Widest"],
        rows: market.t.map((t, at) => [moment(t), p("spread", at), p("narrow", at), p("wide", at)]),
      },
    };
  });
}
