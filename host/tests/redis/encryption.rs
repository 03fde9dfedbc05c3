//! Connections that nobody else reads.

use std::path::Path;
use std::process::Command;

use pricetime_tests::redis::Server;
use pricetime_tests::server::Port;

use crate::code;
use crate::program::{book, err, folder, lines, out, run};

/// A certificate authority, a server's certificate and a client's.
fn certificates(folder: &Path) {
    let script = "set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
for who in server client; do
  openssl req -newkey rsa:2048 -nodes -subj /CN=$who -keyout $who.key -out $who.csr
  echo 'subjectAltName=IP:127.0.0.1,DNS:localhost' > $who.ext
  openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
    -extfile $who.ext -out $who.crt
done";
    let made = Command::new("sh").args(["-c", script]).current_dir(folder).output();
    let made = made.expect("openssl");
    assert!(made.status.success(), "{}", err(&made));
}

#[test]
fn an_encrypted_connection_wants_the_right_certificates() {
    let folder = folder();
    certificates(folder.path());
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
