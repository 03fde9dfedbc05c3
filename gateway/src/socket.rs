//! The Unix socket. It replaces only a dead socket of its own user, and removes only itself.
//!
//! `bind` creates a socket with the permissions that the umask of the process leaves. So it is bound in a
//! folder that only its owner can enter, gets its own permissions there, and is then renamed. A tighter
//! umask around `bind` would apply to all threads.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use uuid::Uuid;

use pricetime::persistence::journal::rename_new;

/// A process that has bound its socket listens on it well within this time.
const RECHECK_AFTER: Duration = Duration::from_millis(50);

/// Identifies a file, whatever its name: device and inode.
type Identity = (u64, u64);

/// A Unix socket that only its owner may use.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    identity: Identity,
}

/// A folder that only its owner can enter. It is removed when this is dropped.
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// Creates a folder beside this file.
    fn beside(path: &Path) -> io::Result<Self> {
        // The name is short because the path of a socket has room for some 100 bytes. It is random because
        // processes in two containers may have the same id.
        let (name, ..) = Uuid::new_v4().as_fields();
        let own = path.with_file_name(format!(".{name:08x}"));
        DirBuilder::new().mode(0o700).create(&own)?;
        Ok(Self(own))
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // If it cannot be removed, it stays, and only its owner can enter it.
        drop(fs::remove_file(self.0.join(SOCKET)));
        drop(fs::remove_dir(&self.0));
    }
}

/// The name of the socket in that folder.
const SOCKET: &str = "s";

impl Socket {
    /// Binds the socket. Replaces a socket that was left behind by a process that was killed.
    ///
    /// # Errors
    /// Returns an error if anything else has the name.
    pub(crate) async fn open(path: &Path) -> io::Result<Self> {
        let own = PrivateFolder::beside(path)?;
        let unnamed = own.0.join(SOCKET);
        let listener = UnixListener::bind(&unnamed)?;
        fs::set_permissions(&unnamed, Permissions::from_mode(0o600))?;
        let identity = identity(&fs::symlink_metadata(&unnamed)?);
        match rename_new(&unnamed, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_dead(path).await?;
                rename_new(&unnamed, path)?;
            }
            renamed => renamed?,
        }
        Ok(Self { listener, path: path.to_owned(), identity })
    }

    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }

    /// Removes the socket, unless another file has its name by now.
    pub(crate) fn remove(&self) {
        // A socket that stays behind is replaced by the next start.
        let _ = remove(&self.path, self.identity);
    }
}

fn identity(file: &fs::Metadata) -> Identity {
    (file.dev(), file.ino())
}

/// Removes the socket at this path if no process listens on it.
async fn remove_dead(path: &Path) -> io::Result<()> {
    let refused = |why: &str| Err(io::Error::other(format!("{why}; use another path")));
    let file = fs::symlink_metadata(path)?;
    if !file.file_type().is_socket() {
        return refused("a file that is not a socket has this name: move that file");
    }
    if file.uid() != rustix::process::geteuid().as_raw() {
        return refused("another user's socket has this name");
    }
    for attempt in 0..2 {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            // A process whose queue of new connections is full listens too.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return refused("another process listens there and is busy");
            }
            Err(error) => return refused(&format!("cannot connect to the socket there: {error}")),
            Ok(_) => return refused("another process listens there"),
        }
        if attempt == 0 {
            // It may be bound by a process that is about to listen.
            tokio::time::sleep(RECHECK_AFTER).await;
        }
    }
    if remove(path, identity(&file))? {
        Ok(())
    } else {
        refused("another process has just started to listen there")
    }
}

/// Removes a file if it is this one. It is moved aside first, so that no other file is removed that gets
/// the name in the meantime.
fn remove(path: &Path, expected: Identity) -> io::Result<bool> {
    if identity(&fs::symlink_metadata(path)?) != expected {
        return Ok(false);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    rename_new(path, &aside)?;
    if identity(&fs::symlink_metadata(&aside)?) == expected {
        fs::remove_file(&aside)?;
        return Ok(true);
    }
    rename_new(&aside, path)?;
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

    use super::*;

    /// What has happened in a folder under this name.
    fn happened(events: &mut Reader<'_, std::os::fd::OwnedFd>, name: &str) -> Vec<ReadFlags> {
        let mut all = Vec::new();
        // The events are there already, so the first error says that there are no more.
        while let Ok(event) = events.next() {
            if event.file_name().is_some_and(|found| found.to_bytes() == name.as_bytes()) {
                all.push(event.events());
            }
        }
        all
    }

    #[tokio::test]
    async fn unix_socket_has_its_permissions_before_it_has_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let watch = inotify::init(CreateFlags::NONBLOCK).expect("inotify");
        let flags = WatchFlags::CREATE | WatchFlags::ATTRIB | WatchFlags::MOVED_TO;
        inotify::add_watch(&watch, folder.path(), flags).expect("a watch");
        let mut buffer = [MaybeUninit::uninit(); 4_096];
        let mut events = Reader::new(watch, &mut buffer);
        for _ in 0..2 {
            // The second time it replaces the socket of a process that has ended.
            let socket = Socket::open(&path).await.expect("a socket");
            assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o777, 0o600);
            assert_eq!(happened(&mut events, "socket"), [ReadFlags::MOVED_TO]);
            drop(socket);
        }
        let names: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(names.len(), 1, "no other file stays: {names:?}");
    }
}
