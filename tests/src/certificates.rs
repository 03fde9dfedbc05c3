//! Certificates for servers that tests start, made with `openssl`.

use std::path::Path;
use std::process::Command;

/// Two authorities, `ca` and `other`, and two certificates signed by the first: `server`, for this machine,
/// and `client`.
const SCRIPT: &str = "set -e
for who in ca other; do
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$who -keyout $who.key -out $who.crt
done
for who in server client; do
  openssl req -newkey rsa:2048 -nodes -subj /CN=$who -keyout $who.key -out $who.csr
  echo 'subjectAltName=IP:127.0.0.1,DNS:localhost' > $who.ext
  openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \\
    -extfile $who.ext -out $who.crt
done";

/// Creates `NAME.crt` and `NAME.key` for each of them in this folder.
///
/// # Panics
/// Panics if `openssl` is not installed (`scripts/test` installs it).
pub fn make(folder: &Path) {
    let output = Command::new("sh").args(["-c", SCRIPT]).current_dir(folder).output();
    let output = output.expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
