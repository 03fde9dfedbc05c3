//! Repeats the replay of a certificate.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use pricetime_engine::rules;

use super::super::failure::{Code, Failure};
use super::super::reader::{Stop, StoredInput, grouped};
use super::super::replay::{Certificate, Difference, is_certificate};
use super::Reporter;

/// The most bytes of a certificate. It has at most 1,025 closes of epochs with about 300 bytes each.
const CERTIFICATE_MAX: u64 = 1 << 22;

/// Repeats the replay of the certificate in this file, and reports what is equal.
pub(super) fn repeat(path: &Path, inputs: &[PathBuf], reporter: &mut Reporter) -> Result<(), Stop> {
    let certificate = read(path)?;
    let Certificate { rules, build, .. } = &certificate;
    if *rules != rules::VERSION {
        let text = format!(
            "{} is of rules version {rules}, and this program has version {}: verify it with the program \
             that wrote it, {build}",
            path.display(),
            rules::VERSION
        );
        return Err(Failure::failed(text).into());
    }
    let text = format!("rules version {rules}; written by {build}");
    reporter.report("rules", Ok(text))?;
    let replay = certificate.replay(inputs)?;
    let mut is_other = false;
    for (path, expected) in replay.inputs().zip(&certificate.inputs) {
        let length = fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|it| it.len());
        if let Some(length) = length.filter(|length| *length != expected.bytes) {
            let (found, expected) = (grouped(length), grouped(expected.bytes));
            let text = format!("{}: {found} bytes, not {expected}", path.display());
            reporter.report("input", Err(text))?;
            is_other = true;
        }
    }
    if is_other {
        return Ok(());
    }
    let (again, difference, failed) = replay.compare(certificate.epochs.clone())?;
    for (found, expected) in again.inputs.iter().zip(&certificate.inputs) {
        reporter.report("input", input(found, expected))?;
    }
    if let Some(failed) = failed {
        reporter.report("replay", Err(failed.text().to_owned()))?;
    }
    if certificate.folder {
        let same = (again.after, &again.base) == (certificate.after, &certificate.base);
        let text = format!("begins after command {} with digest {}", again.after, again.base);
        let expected = format!("{text}, not after command {}", certificate.after);
        let expected = format!("{expected} with digest {}", certificate.base);
        reporter.report("replay", if same { Ok(text) } else { Err(expected) })?;
    }
    let counts = |of: &Certificate| {
        let (commands, refused) = (grouped(of.commands), grouped(of.refused_lines));
        format!("{commands} executed, {refused} lines refused")
    };
    reporter.report("commands", same(counts(&again), counts(&certificate)))?;
    reporter.report("epochs", epochs(&again, &certificate, difference.as_ref()))?;
    reporter.report("digest", same(again.digest, certificate.digest))?;
    Ok(())
}

fn read(path: &Path) -> Result<Certificate, Failure> {
    let name = path.display().to_string();
    let failed = |error| Failure::failed(format!("cannot read {name}: {error}"));
    let mut text = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(CERTIFICATE_MAX + 1).read_to_end(&mut text).map_err(failed)?;
    if !is_certificate(&text) || text.len() as u64 > CERTIFICATE_MAX {
        let text = format!("{name} is neither a data folder nor a certificate");
        return Err(Failure::new(Code::Usage, text));
    }
    Certificate::read(&name, &text)
}

fn same(found: String, expected: String) -> Result<String, String> {
    if found == expected { Ok(found) } else { Err(format!("{found}, not {expected}")) }
}

fn input(found: &StoredInput, expected: &StoredInput) -> Result<String, String> {
    let text = |hash| format!("{}: {} bytes, SHA-256 {hash}", found.name, grouped(found.bytes));
    if (found.bytes, &found.sha256) == (expected.bytes, &expected.sha256) {
        return Ok(text(&found.sha256));
    }
    let (bytes, hash) = (grouped(expected.bytes), &expected.sha256);
    Err(format!("{}, not {bytes} bytes, SHA-256 {hash}", text(&found.sha256)))
}

/// Compares the closes of epochs. The first one that differs is named, if it was kept.
fn epochs(
    again: &Certificate,
    certificate: &Certificate,
    difference: Option<&Difference>,
) -> Result<String, String> {
    let Some(Difference { expected, found, after }) = difference else {
        let closed = |of: &Certificate| format!("{} closed", grouped(of.epochs_closed));
        return same(closed(again), closed(certificate));
    };
    if after + 1 < found.number {
        return Err(format!(
            "the first difference is among closes {} to {}, of which the certificate has the last: \
             epoch {} of market {}",
            after + 1,
            found.number,
            found.epoch,
            found.market
        ));
    }
    let of = |epoch, market, command| {
        format!("epoch {epoch} of market {market}, closed by command {command},")
    };
    let first = of(expected.epoch, expected.market, expected.command);
    let second = of(found.epoch, found.market, found.command);
    if first == second {
        let text = format!("the first that differs is {first} with digest {}", found.digest);
        return Err(format!("{text}, not {}", expected.digest));
    }
    Err(format!("the first that differs is {second} instead of {first}"))
}
