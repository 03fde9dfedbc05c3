//! Reads arbitrary bytes as a configuration. It is refused with an error, or it is valid. No secret
//! in it is ever shown, and the memory it takes is proportional to its length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricetime_cli::configuration;
use pricetime_fuzz::Bytes;
use pricetime_fuzz::bounds::{SECRET, frugally, short, unseen};

fn config(text: &str) {
    match frugally(text.len(), 256, || configuration(text)) {
        Ok(shown) => unseen(&shown, text),
        Err(refused) => {
            unseen(&refused, text);
            assert!(short(&refused).starts_with("FILE: "), "{refused}");
        }
    }
}

/// A configuration that is valid, or almost.
fn written(bytes: &mut Bytes<'_>) -> String {
    let mut text = String::new();
    let mut say = |section: String| text += &section;
    let (number, which) = (bytes.number(), bytes.word());
    let is = |bit: u32| which >> bit & 1 == 1;
    if is(0) {
        say(format!("[listen]\ntcp = \"127.0.0.1:7070\"\ntoken = \"{SECRET}\"\n"));
        say(format!("connections = {number}\nidle_timeout = \"{number}s\"\n"));
    }
    if is(1) {
        say(format!("[limits]\nring = {number}\nline = {number}\n"));
    }
    if is(2) {
        say(format!("[redis]\nurl = \"rediss://ann:{SECRET}@host:6380/3\"\nverify = \"1h\"\n"));
    }
    if is(3) {
        let at = if is(4) { "redis" } else { "postgres" };
        say(format!("[settlement]\nledger = \"{at}\"\nurl = \"{at}://ann:{SECRET}@host/1\"\n"));
        say(format!("locks = [\"redis://:{SECRET}@a\"]\n"));
        let to = if is(5) { "http" } else { "gopher" };
        say(format!("deliver = \"{to}://ann:{SECRET}@host/path\"\n"));
    }
    if is(6) {
        say(format!("[lock]\nnodes = [\"redis://:{SECRET}@a\"]\nttl = \"{number}ms\"\n"));
    }
    if is(7) {
        say(format!("[epochs]\nevery = \"{number}m\"\ncommands = {number}\n"));
    }
    if is(8) {
        say(String::from(
            "[[market]]\nmarket = 1\nsymbol = \"SUN\"\ntick = \"0.01\"\nlot = \"1\"\n",
        ));
        say(format!("quantity_max = \"{number}\"\nprice_min = \"-5\"\nprice_max = \"5\"\n"));
    }
    text
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    if bytes.once_in(2) {
        return config(&bytes.text());
    }
    let good = written(&mut bytes);
    config(&good);
    config(&bytes.spoil_text(&good));
});
