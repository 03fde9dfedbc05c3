//! Reads arbitrary bytes as a configuration. It is refused with an error, or it is valid. No secret
//! in it is ever shown, and the memory it takes is proportional to its length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pricetime_cli::configuration;
use pricetime_fuzz::Bytes;
use pricetime_fuzz::bounds::{SECRET, assert_no_secret, checked_error, with_memory_limit};

fn config(text: &str) {
    match with_memory_limit(text.len(), 256, || configuration(text)) {
        Ok(shown) => assert_no_secret(&shown, text),
        Err(refused) => {
            assert_no_secret(&refused, text);
            assert!(checked_error(&refused).starts_with("FILE: "), "{refused}");
        }
    }
}

/// A configuration that is valid, or almost.
fn written(bytes: &mut Bytes<'_>) -> String {
    let mut text = String::new();
    let mut add = |section: String| text += &section;
    let (number, which) = (bytes.number(), bytes.word());
    let is_set = |bit: u32| which >> bit & 1 == 1;
    if is_set(0) {
        add(format!("[listen]\ntcp = \"127.0.0.1:7070\"\ntoken = \"{SECRET}\"\n"));
        add(format!("connections = {number}\nidle_timeout = \"{number}s\"\n"));
    }
    if is_set(1) {
        add(format!("[limits]\nring = {number}\nline = {number}\n"));
    }
    if is_set(2) {
        add(format!("[redis]\nurl = \"rediss://ann:{SECRET}@host:6380/3\"\nverify = \"1h\"\n"));
    }
    if is_set(3) {
        let at = if is_set(4) { "redis" } else { "postgres" };
        add(format!("[settlement]\nledger = \"{at}\"\nurl = \"{at}://ann:{SECRET}@host/1\"\n"));
        add(format!("locks = [\"redis://:{SECRET}@a\"]\n"));
        let to = if is_set(5) { "http" } else { "gopher" };
        add(format!("deliver = \"{to}://ann:{SECRET}@host/path\"\n"));
    }
    if is_set(6) {
        add(format!("[lock]\nnodes = [\"redis://:{SECRET}@a\"]\nttl = \"{number}ms\"\n"));
    }
    if is_set(7) {
        add(format!("[epochs]\nevery = \"{number}m\"\ncommands = {number}\n"));
    }
    if is_set(8) {
        add(String::from(
            "[[market]]\nmarket = 1\nsymbol = \"SUN\"\ntick = \"0.01\"\nlot = \"1\"\n",
        ));
        add(format!("quantity_max = \"{number}\"\nprice_min = \"-5\"\nprice_max = \"5\"\n"));
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
    config(&bytes.corrupt_text(&good));
});
