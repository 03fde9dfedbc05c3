//! The server that is measured: a given one, or one that is started for it.

use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pricetime::persistence::redis::{
    Address, Link, RedisOptions, Server, read_markets, remove_image,
};
use rustix::process::{Pid, Signal, kill_process};

use super::super::host::Scratch;
use super::raw::RawConnection;
use crate::failure::Failure;

/// More time than a server takes to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// A timeout that no reply reaches here, because slow replies should be measured.
const REPLY_TIMEOUT: Duration = Duration::from_secs(120);

/// A server. If it was started here, it ends when this value is dropped. If it was given,
/// everything written there is removed again.
pub(in super::super) struct RedisServer {
    pub(in super::super) options: RedisOptions,
    pub(in super::super) address: Address,
    spawned: Option<SpawnedServer>,
}

struct SpawnedServer {
    child: Child,
    _folder: Scratch,
}

impl RedisServer {
    /// The server at this address.
    pub(in super::super) fn given(url: &str) -> Result<Self, Failure> {
        let usage = |text: &str| Failure::Usage(format!("--redis: {text}"));
        let options = RedisOptions::parse(url).map_err(|error| usage(&error.to_string()))?;
        let plain = options.tls.is_none() && options.password.is_none() && options.database == 0;
        let Server::Single(address) = options.server.clone() else {
            return Err(usage("only a single server can be measured, no cluster and no sentinels"));
        };
        if !plain {
            return Err(usage(
                "a server can only be measured without encryption, password and database number, \
                 because redis-benchmark does not know ours",
            ));
        }
        Self { options: with_long_timeouts(options), address, spawned: None }.wait_until_ready()
    }

    /// Starts an empty server with its folder in `parent`.
    pub(in super::super) fn spawned(parent: &Path) -> Result<Self, Failure> {
        Self::named(parent, "redis")
    }

    /// Starts one of several servers, under this name.
    pub(in super::super) fn named(parent: &Path, name: &str) -> Result<Self, Failure> {
        let folder = Scratch::new(parent, name)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let started = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"])
            .arg("--dir")
            .arg(&folder.0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = started.map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                return Failure::failed(
                    "there is no redis-server in the PATH: install it (Debian and Ubuntu: apt \
                     install redis-server; macOS: brew install redis), or use --redis URL with the \
                     address of a running one",
                );
            }
            Failure::failed(format_args!("cannot start redis-server: {error}"))
        })?;
        let options = RedisOptions::parse(&format!("redis://127.0.0.1:{port}"));
        let options = with_long_timeouts(options.map_err(Failure::failed)?);
        let address = Address { host: String::from("127.0.0.1"), port };
        let spawned = Some(SpawnedServer { child, _folder: folder });
        Self { options, address, spawned }.wait_until_ready()
    }

    fn wait_until_ready(self) -> Result<Self, Failure> {
        let started_at = Instant::now();
        let at = &self.address;
        loop {
            let answer = RawConnection::connect(at).and_then(|mut raw| raw.ask(&["PING"]));
            match answer {
                Ok(_) => return Ok(self),
                Err(_) if self.spawned.is_some() && started_at.elapsed() < START_TIMEOUT => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => {
                    return Err(Failure::failed(format_args!("Redis at {at}: {error}")));
                }
            }
        }
    }

    /// Returns `true` if the server was started here, so that it may be stopped.
    pub(in super::super) const fn is_spawned(&self) -> bool {
        self.spawned.is_some()
    }

    /// Makes the server hang or continue.
    pub(in super::super) fn hang(&self, hangs: bool) -> Result<(), Failure> {
        let Some(spawned) = &self.spawned else { return Ok(()) };
        let id = i32::try_from(spawned.child.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| Failure::failed("redis-server has no process id"))?;
        let signal = if hangs { Signal::STOP } else { Signal::CONT };
        kill_process(id, signal).map_err(|error| Failure::failed(io::Error::from(error)))
    }

    /// Waits until the server has freed the memory of removed keys.
    pub(in super::super) fn wait_until_freed(&self) -> Result<(), Failure> {
        let (mut raw, started_at) = (RawConnection::connect(&self.address)?, Instant::now());
        while raw.figure("memory", "lazyfree_pending_objects")? > 0.0 {
            if started_at.elapsed() > START_TIMEOUT {
                return Err(Failure::failed("the server does not finish freeing memory"));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Removes everything that was written here.
    pub(in super::super) fn clear(&self) -> Result<(), Failure> {
        let mut link = Link::new(self.options.clone());
        let names = &self.options.names;
        for market in read_markets(&mut link, names).map_err(Failure::failed)? {
            remove_image(&mut link, names, market).map_err(Failure::failed)?;
        }
        Ok(())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        match &mut self.spawned {
            // It may have ended already.
            Some(spawned) => {
                let _ = spawned.child.kill();
                let _ = spawned.child.wait();
            }
            // Anything that cannot be removed is left; its name shows where it came from.
            None => drop(self.clear()),
        }
    }
}

/// Sets unique names and long timeouts.
fn with_long_timeouts(mut options: RedisOptions) -> RedisOptions {
    options.names.env = format!("bench-{}", std::process::id());
    let (connect, control, bulk) = (REPLY_TIMEOUT, REPLY_TIMEOUT, REPLY_TIMEOUT);
    RedisOptions { connect, control, bulk, ..options }
}
