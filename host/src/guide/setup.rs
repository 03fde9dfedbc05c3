// The examples of the guide include this file in hidden lines.

pub const MARKET: pricetime::engine::MarketId = pricetime::engine::MarketId(1);
pub const ALICE: pricetime::engine::AccountId = pricetime::engine::AccountId(7);
pub const BOB: pricetime::engine::AccountId = pricetime::engine::AccountId(8);

pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Adds the market of the guide and opens it for continuous trading.
pub fn add_sun(host: &pricetime::Host) -> Result<pricetime::engine::MarketSpec, Error> {
    use pricetime::engine::{MarketSpec, Phase};
    let spec = MarketSpec::new("SUN/EUR".parse()?, "0.0001".parse()?, "0.01".parse()?);
    host.operator(MARKET).add(spec).wait()?.accepted()?;
    host.operator(MARKET).set_phase(Phase::Continuous).wait()?.accepted()?;
    Ok(spec)
}

/// Opens a host with that market, in a temporary folder that is deleted after the example.
pub fn sun() -> Result<(tempfile::TempDir, pricetime::Host, pricetime::engine::MarketSpec), Error> {
    let folder = tempfile::tempdir()?;
    let host = pricetime::Host::open(pricetime::Options::new(folder.path()))?;
    let spec = add_sun(&host)?;
    Ok((folder, host, spec))
}
