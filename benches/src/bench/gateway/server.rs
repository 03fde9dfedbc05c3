//! A market of its own, for a measurement.

use std::env;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::super::host::Scratch;
use super::client::Target;
use crate::failure::Failure;

/// How often it is checked whether the market listens, and how many times.
const RETRY: Duration = Duration::from_millis(20);
const RETRIES: u32 = 6_000;

/// A running market, which ends with this value. Its data folder is removed.
pub(super) struct Server {
    process: Child,
    pub(super) socket: PathBuf,
    _scratch: Scratch,
}

impl Server {
    pub(super) fn start(folder: &Path) -> Result<Self, Failure> {
        let scratch = Scratch::new(folder, "gateway")?;
        let socket = scratch.0.join("socket");
        let mut command = Command::new(env::current_exe()?);
        command.arg("run").arg("--folder").arg(scratch.0.join("data")).arg("--unix").arg(&socket);
        // Nothing but the commands of the measurement may change it.
        command.args(["--epoch", "never"]);
        // It must not use the servers of a market that is configured in the environment.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PRICETIME_") {
                command.env_remove(name);
            }
        }
        let streams = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let process = streams.spawn()?;
        let mut server = Self { process, socket, _scratch: scratch };
        for _ in 0..RETRIES {
            // It listens for a moment before it starts, to check that it can. Then it does not answer.
            if Target::unix(server.socket.clone()).connect().is_ok() {
                // What it logs is read and dropped, so that it never waits for a full pipe.
                if let Some(mut log) = server.process.stderr.take() {
                    thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                }
                return Ok(server);
            }
            if let Some(status) = server.process.try_wait()? {
                let mut why = String::new();
                if let Some(mut stderr) = server.process.stderr.take() {
                    stderr.read_to_string(&mut why)?;
                }
                return Err(Failure::Failed(format!(
                    "the market ended ({status}): {}",
                    why.trim()
                )));
            }
            thread::sleep(RETRY);
        }
        Err(Failure::Failed(String::from("the market did not listen within two minutes")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // If it has ended by itself, there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
