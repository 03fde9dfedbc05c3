//! `pricetime run` reports problems with its data folder.

use crate::program::{MARKET, Running, close};

#[test]
fn snapshot_failure_and_recovery_are_each_logged_once() {
    let mut running = Running::start(&["--epoch", "never"]);
    let mut operator = running.unix();
    operator.send(MARKET);
    operator.receive();
    operator.receive();
    let folder = running.folder.path().join("data");
    let history = std::fs::read_to_string(folder.join("history")).expect("a history");
    let history = history.lines().find_map(|line| line.strip_prefix("history ")).expect("its name");
    let (snapshots, aside) = (folder.join(history).join("snapshots"), folder.join("aside"));
    std::fs::rename(&snapshots, &aside).expect("moved");
    for epoch in 1..=3 {
        assert_eq!(operator.ask(&close(epoch))["done"]["outcome"], "accepted");
        running.wait_for("snapshots fail: cannot create ");
    }
    let status = operator.ask("{\"status\":{}}\n");
    let why = status["status"]["snapshot_failure"].as_str().expect("a reason");
    assert!(why.contains("cannot create"), "{why}");
    std::fs::rename(&aside, &snapshots).expect("moved back");
    operator.ask(&close(4));
    running.wait_for("snapshots are written again");
    let (code, log, _folder) = running.end();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("snapshots fail").count(), 1, "{log}");
}
