//! The promise: the listeners of `pricetime run` keep what is not theirs, and serve through floods.

mod program;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use program::{Running, VIEW, err, folder, run};

/// Which file has this name.
fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).expect("a file").ino()
}

#[test]
fn unix_socket_replaces_no_file_of_another_kind() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "not a socket").expect("a file");
    fs::create_dir(at("folder")).expect("a folder");
    symlink("file", at("link")).expect("a link");
    symlink("nowhere", at("dangling")).expect("a link");
    for name in ["file", "folder", "link", "dangling"] {
        let before = inode(&at(name));
        let done = run(folder.path(), &["run", "--once", "--unix", name], "");
        assert_eq!(done.status.code(), Some(1), "{name}");
        assert!(err(&done).contains("not a socket"), "{name}: {}", err(&done));
        assert_eq!(inode(&at(name)), before, "{name} is still there");
    }
    assert_eq!(fs::read(at("file")).expect("a file"), b"not a socket");
}

#[tokio::test]
async fn unix_socket_with_full_backlog_is_not_replaced() {
    let folder = folder();
    let path = folder.path().join("socket");
    let socket = tokio::net::UnixSocket::new_stream().expect("a socket");
    socket.bind(&path).expect("a free name");
    let listener = socket.listen(0).expect("a listener");
    // Nobody accepts, so the queue fills up and a connection would have to wait.
    let mut queued = Vec::new();
    while let Ok(stream) = tokio::net::UnixStream::connect(&path).await {
        queued.push(stream);
    }
    let before = inode(&path);
    let done = run(folder.path(), &["run", "--once", "--unix", "socket"], "");
    assert_eq!(done.status.code(), Some(1));
    assert!(err(&done).contains("another process listens there"), "{}", err(&done));
    assert_eq!(inode(&path), before, "the socket of the other process is still there");
    drop(listener);
}

#[test]
fn process_that_ends_leaves_the_socket_of_another() {
    let host = Running::start(&[]);
    let path = host.folder.path().join("socket");
    fs::remove_file(&path).expect("its socket");
    let other = UnixListener::bind(&path).expect("a free name");
    let (code, log, folder) = host.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(folder.path().join("socket").exists(), "the other process still listens there");
    drop(other);
    // That one is dead now, and of the same user: it is replaced, and removed at the end.
    let host = Running::start_in(folder, &[]);
    assert!(host.unix().ask(VIEW).get("refused").is_some(), "there is no market");
    let (_, _, folder) = host.end();
    assert!(!folder.path().join("socket").exists());
}
