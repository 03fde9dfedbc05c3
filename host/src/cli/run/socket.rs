//! The Unix socket. It replaces only a dead socket of its own user, and removes only itself.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use tokio::net::{UnixListener, UnixStream};

/// A process that has bound its socket listens on it well within this time.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Which file it is, whatever its name: device and inode.
type Identity = (u64, u64);

/// A Unix socket that only its owner may use.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    identity: Identity,
}

impl Socket {
    /// Binds the socket. Replaces a socket that was left behind by a process that was killed.
    ///
    /// # Errors
    /// Returns an error if anything else has the name.
    pub(super) async fn open(path: &Path) -> io::Result<Self> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_dead(path).await?;
                UnixListener::bind(path)?
            }
            bound => bound?,
        };
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let identity = identity(&fs::symlink_metadata(path)?);
        Ok(Self { listener, path: path.to_owned(), identity })
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }

    /// Removes the socket, unless another file has its name by now.
    pub(super) fn remove(&self) {
        // A socket that stays behind is replaced by the next start.
        let _ = remove(&self.path, self.identity);
    }
}

fn identity(file: &fs::Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// Removes the socket at this path if no process listens on it.
async fn remove_dead(path: &Path) -> io::Result<()> {
    let refused = |why: &str| Err(io::Error::other(format!("{why}; name another path")));
    let file = fs::symlink_metadata(path)?;
    if !file.file_type().is_socket() {
        return refused("a file that is not a socket has this name: move it away");
    }
    if file.uid() != rustix::process::geteuid().as_raw() {
        return refused("a socket of another user has this name");
    }
    for look in 0..2 {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            // A process whose queue of new connections is full listens too.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return refused("another process listens there, and is busy");
            }
            Err(error) => return refused(&format!("the socket there cannot be tried: {error}")),
            Ok(_) => return refused("another process listens there"),
        }
        if look == 0 {
            // It may be bound by a process that is about to listen.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    if remove(path, identity(&file))? {
        Ok(())
    } else {
        refused("another process has just begun to listen there")
    }
}

/// Removes a file if it is this one. It is moved aside first, so that no other file is removed that gets the
/// name in the meantime.
fn remove(path: &Path, which: Identity) -> io::Result<bool> {
    if identity(&fs::symlink_metadata(path)?) != which {
        return Ok(false);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    renameat_with(CWD, path, CWD, &aside, RenameFlags::NOREPLACE)?;
    if identity(&fs::symlink_metadata(&aside)?) == which {
        fs::remove_file(&aside)?;
        return Ok(true);
    }
    renameat_with(CWD, &aside, CWD, path, RenameFlags::NOREPLACE)?;
    Ok(false)
}
