// The market that the page shows.

function showMarket(at) {
  byId("charts").textContent = "";
  cards.length = 0;
  const market = data.markets[at] && withoutStart(data.markets[at]);
  if (market) {
    priceChart(market);
    depthChart(market);
    spreadChart(market);
    epochCharts(market);
    ratioChart(market);
  }
  latencyChart(market && market.start !== undefined ? market.t[0] : 0);
  // The width of a card depends on the cards after it.
  cards.forEach((draw) => draw());
}
const select = byId("market");
select.innerHTML = data.markets.map((it, at) => `<option value="${at}">${escaped(it.name)}</option>`).join("");
byId("choice").hidden = data.markets.length < 2;
select.onchange = () => showMarket(+select.value);
showMarket(0);
