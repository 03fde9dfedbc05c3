// Epochs: their prices over time, and the curves of the one that the reader chooses.
function epochCharts(market) {
  const epochs = market.epochs;
  if (!epochs.length) return;
  const some = market.every > 1 ? ` Of ${count(market.closed)}, every ${count(market.every)}th is shown.` : "";
  const uncrossed = epochs.map((it) => it.uncross).lastIndexOf(true);
  let chosen = uncrossed < 0 ? epochs.length - 1 : uncrossed;
  const price = (it) => (it === null ? null : scaled(it, market.tick));
  const name = (it) => (it.opens ? `Opening in epoch ${count(it.number)}` : `Epoch ${count(it.number)}`);
  const overview = card({
    title: "Epochs",
    half: true,
    text: `Price and volume of each epoch: the uniform price, or the last one.${some}`,
    legend: [
      [stroke("mark"), "price"],
      [block("bar"), "volume"],
    ],
  });
  const curves = card({
    title: "Supply and demand",
    half: true,
    legend: [
      [stroke("bid"), "demand"],
      [stroke("ask dash"), "supply"],
      [sample('<circle class="fill mark" cx="13" cy="6" r="4"/>'), "uniform price and volume"],
    ],
    controls:
      `<p class="controls"><button type="button" aria-label="Earlier epoch">‹</button>` +
      `<input type="range" min="0" max="${epochs.length - 1}" value="${chosen}" aria-label="Epoch"><button ` +
      `type="button" aria-label="Later epoch">›</button></p>`,
  });
  const [back, on] = curves.querySelectorAll("button"),
    slider = curves.querySelector("input");
  let drawOverview, drawCurves;
  const choose = (at) => {
    chosen = Math.min(Math.max(at, 0), epochs.length - 1);
    slider.value = chosen;
    slider.setAttribute("aria-valuetext", name(epochs[chosen]));
    drawOverview();
    drawCurves();
  };
  back.onclick = () => choose(chosen - 1);
  on.onclick = () => choose(chosen + 1);
  slider.oninput = () => choose(+slider.value);
  const say = (it) => {
    const end = `${name(it)}, ${moment(it.t)}`;
    if (!it.trades) return `${end}: no trade.`;
    const surplus =
      it.surplus === null || it.surplus === 0
        ? ""
        : `, ${exact(Math.abs(it.surplus), market.lot)} more ${it.surplus > 0 ? "demand" : "supply"}`;
    const all = `${end}: ${many(it.trades, "trade")}, ${exact(it.volume, market.lot)} in total`;
    if (!it.uncross) return `${all}, the last at ${exact(it.price, market.tick)}.`;
    const cleared = it.cleared === it.volume ? "all" : exact(it.cleared, market.lot);
    return `${all}, ${cleared} in the uncross at ${exact(it.price, market.tick)}${surplus}.`;
  };
  const table = {
    heads: ["Epoch", isTime ? timeHead : "Sequence", "Price", "Volume", "Trades", "Surplus"],
    rows: epochs.map((it) => [
      name(it),
      moment(it.t),
      exact(it.price, market.tick),
      exact(it.volume, market.lot),
      count(it.trades),
      exact(it.surplus, market.lot),
    ]),
  };
  drawOverview = show(overview, (width) => {
    const ts = epochs.map((it) => it.t),
      prices = epochs.map((it) => price(it.price)),
      volumes = epochs.map((it) => scaled(it.volume, market.lot));
    const [low, high] = found(prices).length ? extent(found(prices)) : [0, 0],
      room = (high - low) * 0.08;
    const height = 240,
      x = range(ts),
      it = frame({ width, height, x, low: low - room - (high - low) * 0.3, high: high + room });
    const most = Math.max(...volumes) || 1,
      thick = Math.max(1, Math.min(8, ((it.right - it.left) / epochs.length) * 0.6));
    const bars = volumes
      .map((v, at) =>
        v ? `M${it.X(ts[at]).toFixed(1)} ${it.bottom}v${(-Math.max(1, (v / most) * 52)).toFixed(1)}` : "",
      )
      .join("");
    const dots = prices
      .map((p, at) =>
        p === null
          ? ""
          : `<circle class="fill mark" cx="${it.X(ts[at]).toFixed(1)}" cy="${it.Y(p).toFixed(1)}" r="` +
            `${at === chosen ? 5 : epochs.length > 120 ? 1.5 : 2.5}"/>`,
      )
      .join("");
    const place = it.X(ts[chosen]).toFixed(1);
    return {
      svg:
        `${it.svg}<path class="line bar" style="stroke-width:${thick.toFixed(1)}" d="${bars}"/><path ` +
        `class="cursor" d="M${place} ${it.top}V${it.bottom}"/>` +
        `<path class="line mark" style="stroke-width:1" d="${line(ts, prices, it.X, it.Y)}"/>${dots}`,
      height,
      top: it.top,
      bottom: it.bottom,
      places: ts.map(it.X),
      pick: choose,
      says: `${many(market.closed, "epoch")} closed. Choose one to see its curves.`,
      at: (at) => say(epochs[at]),
      table,
    };
  });
  drawCurves = show(curves, (width) => curvePicture(market, epochs[chosen], width, say(epochs[chosen])));
  slider.setAttribute("aria-valuetext", name(epochs[chosen]));
}
function curvePicture(market, epoch, width, says) {
  const { demand, supply } = epoch,
    price = (it) => scaled(it, market.tick),
    lot = (it) => scaled(it, market.lot);
  const end = (curve) => (curve.quantity.length ? curve.quantity[curve.quantity.length - 1] : curve.unpriced);
  const clears = epoch.uncross && epoch.price !== null && epoch.cleared > 0,
    whole = Math.max(end(demand), end(supply));
  if (!whole) return { none: `${says} The book was empty.` };
  const most = clears ? Math.min(whole, epoch.cleared * 2.2) : whole;
  const near = (curve) => curve.price.filter((_, at) => (at ? curve.quantity[at - 1] : curve.unpriced) < most);
  const shown = [...near(demand), ...near(supply), ...(clears ? [epoch.price] : [])];
  let [low, high] = shown.length ? extent(shown) : [0, 0];
  const room = (high - low) * 0.06 || 2;
  [low, high] = [price(low - room), price(high + room)];
  const height = 240,
    it = frame({ width, height, x: [0, lot(most) * 1.02], low, high, xTicks: axisNumber });
  // Each curve begins with the market orders, which accept any price, and steps at each price.
  const path = (curve, from, to) => {
    let text = `M${it.X(lot(curve.unpriced)).toFixed(1)} ${it.Y(from).toFixed(1)}`;
    curve.price.forEach((p, at) => {
      text += `V${it.Y(price(p)).toFixed(1)}H${it.X(lot(curve.quantity[at])).toFixed(1)}`;
    });
    return `${text}V${it.Y(to).toFixed(1)}`;
  };
  let svg =
    `${within("curves", it)}${it.svg}<g clip-path="url(#curves)"><path class="line bid" d="` +
    `${path(demand, high, low)}"/>` +
    `<path class="line ask dash" d="${path(supply, low, high)}"/></g>`;
  if (clears) {
    const [px, py] = [it.X(lot(epoch.cleared)).toFixed(1), it.Y(price(epoch.price)).toFixed(1)];
    svg +=
      `<path class="cursor" d="M${it.left} ${py}H${px}V${it.bottom}"/><circle class="fill mark" cx="` +
      `${px}" cy="${py}" r="5"/>`;
  }
  const rows = (curve, side) =>
    curve.price.map((p, at) => [side, exact(p, market.tick), exact(curve.quantity[at], market.lot)]);
  const all = [...rows(demand, "demand"), ...rows(supply, "supply")];
  return {
    svg,
    height,
    top: it.top,
    bottom: it.bottom,
    says,
    places: [],
    table: { heads: ["Curve", "Price", "Quantity up to it"], rows: all },
  };
}
