//! The engines that can be compared.

use crate::adapters::{
    limitbook::Limitbook, lobster::Lobster, matchcore::Matchcore, nanobook::Nanobook,
    obcore::Obcore, orderbook_rs::OrderbookRs, pricetime::Pricetime, rust_ob::RustOb,
    rust_order_book::RustOrderBook,
};
use crate::check::check;
use crate::measure::{Run, run};
use crate::{Adapter, Flow, Reports};

/// An engine, with what can be done with it.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    /// The name of its crate.
    pub name: &'static str,
    /// What it reports.
    pub reports: Reports,
    /// Compares its fills with ours.
    pub check: fn(&Flow) -> Result<u64, String>,
    /// Executes the flow once and times it.
    pub run: fn(&Flow) -> Run,
}

impl Engine {
    /// Our engine.
    pub const OURS: Self = Self::of::<Pricetime>();

    /// The others, by name.
    pub const PEERS: [Self; 8] = [
        Self::of::<Limitbook>(),
        Self::of::<Lobster>(),
        Self::of::<Matchcore>(),
        Self::of::<Nanobook>(),
        Self::of::<Obcore>(),
        Self::of::<OrderbookRs>(),
        Self::of::<RustOrderBook>(),
        Self::of::<RustOb>(),
    ];

    const fn of<A: Adapter>() -> Self {
        Self { name: A::CRATE, reports: A::REPORTS, check: check::<A>, run: run::<A> }
    }

    /// The version that this program was built with.
    #[must_use]
    pub fn version(&self) -> &'static str {
        let lock = include_str!("../Cargo.lock");
        let packages = lock.split("[[package]]");
        let field = |package: &'static str, name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim_matches('"'))
        };
        let mut packages = packages.filter(|it| field(it, "name = ") == Some(self.name));
        packages.next().and_then(|package| field(package, "version = ")).unwrap_or("?")
    }
}
