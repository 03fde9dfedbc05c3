//! The page as HTML.

use std::fmt::Write as _;
use std::io;

use pricetime_engine::{MarketSpec, Notional, rules};

use super::collector::{Collector, MarketRun};
use super::{Comparison, Report, json};
use crate::look::{self, Escaped, SCRIPT, STYLE, fill, grouped, short, table, tile};

const TEMPLATE: &str = include_str!("page/page.html");
/// What follows the script that all pages share.
const CHARTS: &str = concat!(
    include_str!("page/charts.js"),
    include_str!("page/epochs.js"),
    include_str!("page/rates.js"),
    include_str!("page/main.js"),
);

impl Report {
    /// Writes the page.
    ///
    /// # Errors
    /// Returns an error if the page cannot be written.
    pub fn write(&self, collector: &Collector, out: &mut impl io::Write) -> io::Result<()> {
        out.write_all(fill(TEMPLATE, |name| self.part(name, collector)).as_bytes())
    }

    /// What takes the place of a name in the template.
    fn part(&self, name: &str, collector: &Collector) -> String {
        match name {
            "title" => Escaped(&self.title).to_string(),
            "style" => STYLE.to_owned(),
            "script" => format!("{SCRIPT}{CHARTS}"),
            "tiles" => tiles(self, collector),
            "markets" => markets(collector),
            "commands" => commands(collector),
            "comparison" => self.comparison.as_ref().map_or_else(String::new, comparison),
            "facts" => facts(self),
            "data" => {
                let mut text = String::new();
                // Writing to a string cannot fail.
                let _ = json::write(collector, &mut text);
                text
            }
            _ => String::new(),
        }
    }
}

fn tiles(report: &Report, collector: &Collector) -> String {
    let mut text = String::new();
    let totals = &collector.totals;
    tile(&mut text, "Commands", &grouped(totals.commands), &duration(collector));
    let refused = share(totals.refused(), totals.commands);
    tile(&mut text, "Refused", &grouped(totals.refused()), &refused);
    tile(&mut text, "Trades", &grouped(collector.trades), "");
    let messages: u64 = collector.markets.iter().map(|it| it.messages).sum();
    let trades: u64 = collector.markets.iter().map(|it| it.trades).sum();
    tile(&mut text, "Orders per trade", &ratio(messages, trades), "place, amend and cancel");
    let epochs: u64 = collector.markets.iter().map(|it| it.closed).sum();
    tile(&mut text, "Epochs", &grouped(epochs), "");
    if let Some(it) = &report.comparison {
        let note = format!("of {} {}", grouped(it.compared), it.what);
        tile(&mut text, "Agreement", &share(it.agreed, it.compared), &note);
    }
    text
}

fn duration(collector: &Collector) -> String {
    let Some(first) = collector.first_time else { return String::new() };
    let seconds = collector.last_time.0.saturating_sub(first.0) / 1_000_000_000;
    match seconds {
        0 => String::from("in less than a second"),
        1..=119 => format!("in {seconds} s"),
        120..=7_199 => format!("in {} min", seconds / 60),
        7_200..=172_799 => format!("in {} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("in {} days", seconds / 86_400),
    }
}

/// A part in percent. Only all is 100 %.
fn share(part: u64, of: u64) -> String {
    if of == 0 {
        return String::from("–");
    }
    let rounded = (u128::from(part) * 20_000 / u128::from(of)).div_ceil(2);
    let hundredths = if part < of { rounded.min(9_999) } else { rounded };
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// A quotient with one decimal place.
fn ratio(number: u64, by: u64) -> String {
    if by == 0 {
        return String::from("–");
    }
    let tenths = (u128::from(number) * 20 / u128::from(by)).div_ceil(2);
    format!("{}.{}", grouped(tenths / 10), tenths % 10)
}

fn markets(collector: &Collector) -> String {
    if collector.markets.is_empty() {
        return String::from("<p>There was no market.</p>\n");
    }
    let heads = [
        "Market",
        "Commands",
        "Refused",
        "Orders per trade",
        "Trades",
        "Volume",
        "Notional",
        "Lowest",
        "Highest",
        "Last",
        "Epochs",
    ];
    let rows: Vec<_> = collector.markets.iter().map(market).collect();
    let mut text = table("Markets", &heads, &rows);
    if collector.others > 0 {
        let _ = write!(text, "<p>{} further markets are not shown.</p>", grouped(collector.others));
    }
    text
}

fn market(it: &MarketRun) -> Vec<String> {
    let MarketSpec { symbol, .. } = it.spec;
    let price = |price: Option<_>| {
        price.map_or_else(|| String::from("–"), |price| short(&grouped(it.spec.show(price))))
    };
    let volume = i128::try_from(it.volume).unwrap_or(i128::MAX);
    vec![
        format!("{symbol} ({})", it.id),
        grouped(it.totals.commands),
        grouped(it.totals.refused()),
        ratio(it.messages, it.trades),
        grouped(it.trades),
        short(&grouped(it.spec.show_lots(volume))),
        short(&grouped(it.spec.show(Notional(it.notional.0)))),
        price(it.prices.map(|it| it.0)),
        price(it.prices.map(|it| it.1)),
        price(it.prices.map(|it| it.2)),
        grouped(it.closed),
    ]
}

fn commands(collector: &Collector) -> String {
    let row = |(kind, counts): (&pricetime_engine::ActionKind, &[u64; 3])| {
        let name = [words(&format!("{kind:?}"))];
        name.into_iter().chain(counts.iter().map(|it| grouped(*it))).collect()
    };
    let rows: Vec<_> = collector.totals.kinds.iter().map(row).collect();
    let mut text = table("Commands", &["Command", "Accepted", "Refused", "Repeated"], &rows);
    let reasons = &collector.totals.reasons;
    if !reasons.is_empty() {
        let row = |(reason, count): (&pricetime_engine::Reason, &u64)| {
            vec![reason.to_string(), grouped(*count)]
        };
        let rows: Vec<_> = reasons.iter().map(row).collect();
        text += &table("Refusals", &["Reason", "Commands"], &rows);
    }
    text
}

/// The name of a variant as words: `CancelAll` becomes `cancel all`.
fn words(name: &str) -> String {
    let mut text = String::new();
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            text.push(' ');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

fn comparison(it: &Comparison) -> String {
    let mut text = format!(
        "<section class=\"card\"><h2>Agreement with the recording</h2>\n<p>{} of {} {} agree: <b>{}</b>.</p>\n",
        grouped(it.agreed),
        grouped(it.compared),
        Escaped(&it.what),
        share(it.agreed, it.compared)
    );
    let _ = writeln!(
        text,
        "<meter min=\"0\" max=\"{}\" value=\"{}\">{}</meter>",
        it.compared.max(1),
        it.agreed,
        share(it.agreed, it.compared)
    );
    if !it.causes.is_empty() {
        let row = |(cause, count): &(String, u64)| {
            vec![cause.clone(), grouped(*count), share(*count, it.compared)]
        };
        let rows: Vec<_> = it.causes.iter().map(row).collect();
        text += "<h3>Differences</h3>\n";
        text += &table("Differences", &["Probable cause", "Number", "Share"], &rows);
    }
    if !it.others.is_empty() {
        let row = |(cause, count): &(String, u64)| vec![cause.clone(), grouped(*count)];
        let rows: Vec<_> = it.others.iter().map(row).collect();
        text += "<h3>Not compared</h3>\n";
        text += &table("Not compared", &["Why", "Number"], &rows);
    }
    if !it.differences.is_empty() {
        text.push_str("<h3>First differences</h3>\n<ol>\n");
        for difference in &it.differences {
            let _ = writeln!(text, "<li>{}</li>", Escaped(difference));
        }
        text.push_str("</ol>\n");
    }
    text + "</section>\n"
}

fn facts(report: &Report) -> String {
    let rules = rules::VERSION.to_string();
    let facts = report.facts.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    look::facts(facts.chain([("Version of the rules", rules.as_str())]))
}
