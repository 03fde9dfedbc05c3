//! Encrypted connections.

use pricetime_tests::certificates;
use pricetime_tests::redis::Server;
use pricetime_tests::server::Port;

use crate::code;
use crate::program::{book, err, folder, lines, out, run};

#[test]
fn encrypted_connection_requires_the_right_certificates() {
    let folder = folder();
    certificates::make(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = Port::reserve();
    let number = port.number.to_string();
    let (crt, key, ca) = (file("server.crt"), file("server.key"), file("ca.crt"));
    let _server = Server::start_on(
        port,
        &[
            "--port",
            "0",
            "--tls-port",
            &number,
            "--tls-cert-file",
            &crt,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "yes",
        ],
    );
    let url = format!("rediss://127.0.0.1:{number}");
    let configured = |more: &str| {
        let text = format!("[redis]\nurl = \"{url}\"\n{more}");
        std::fs::write(folder.path().join("c.toml"), text).expect("a file");
        ["run", "--once", "--epoch", "never", "--config", "c.toml"]
    };
    let authority = format!("authority = \"{ca}\"\n");
    let client =
        format!("certificate = \"{}\"\nkey = \"{}\"\n", file("client.crt"), file("client.key"));
    let good = run(folder.path(), &configured(&(authority.clone() + &client)), &book());
    assert_eq!(code(&good), Some(0), "{}", err(&good));
    assert!(err(&good).contains("Redis: connected"), "{}", err(&good));
    let show = ["redis", "show", "--json", "--config", "c.toml"];
    let shown = run(folder.path(), &show, "");
    assert_eq!(lines(&out(&shown))[0]["image"]["sequence"], 13, "{}", err(&shown));
    for wrong in [authority, client, String::new()] {
        configured(&wrong);
        let refused = run(folder.path(), &show, "");
        assert_eq!(code(&refused), Some(1), "{wrong} {}", err(&refused));
    }
}
