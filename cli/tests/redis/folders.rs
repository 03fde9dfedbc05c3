//! Folders and images: which of them replaces the other.

use pricetime_tests::redis::Server;

use crate::program::{MARKET, Running, VIEW, close, err, folder, lines, out, place, run};
use crate::{code, redis, server_with_book, shown, write_image};

#[test]
fn empty_redis_is_shown_without_error_but_cannot_be_restored() {
    let (server, folder) = (Server::start(), folder());
    let url = server.url();
    assert!(shown(folder.path(), &url).is_empty());
    for words in [&["restore", "--folder", "new"][..], &["export", "images"]] {
        let failed = redis(folder.path(), &url, words);
        assert_eq!(code(&failed), Some(1), "{words:?}");
        assert!(err(&failed).contains("there is no image"), "{}", err(&failed));
    }
    assert!(!folder.path().join("new").exists());
    let started = run(folder.path(), &["run", "--once", "--accept-loss", "--redis", &url], MARKET);
    assert_eq!(code(&started), Some(0), "{}", err(&started));
}

#[test]
fn new_folder_is_restored_from_the_image_only_with_accept_loss() {
    let (server, first) = server_with_book();
    let url = server.url();
    let before = shown(first.path(), &url)[0]["image"].clone();
    let second = folder();
    for _ in 0..2 {
        let refused = write_image(second.path(), &url, "");
        assert_eq!(code(&refused), Some(1));
        let why = err(&refused);
        assert!(why.contains("is new, but Redis holds an image of history"), "{why}");
        assert!(why.contains("--accept-loss restores from the image"), "{why}");
    }
    assert_eq!(shown(first.path(), &url)[0]["image"], before, "it is unchanged");
    let accept = ["run", "--once", "--epoch", "never", "--accept-loss", "--redis", &url];
    let input = VIEW.to_owned() + &place(9, 99, "sell", "9.90", 6) + &close(2);
    let restored = run(second.path(), &accept, &input);
    assert_eq!(code(&restored), Some(0), "{}", err(&restored));
    assert!(err(&restored).contains("restored from the image in Redis"), "{}", err(&restored));
    let answers = lines(&out(&restored));
    assert_eq!(answers[0]["book"]["sequence"], 13);
    assert_eq!(answers[0]["book"]["bids"][0]["quantity"], "12");
    assert_eq!(answers[1]["done"]["sequence"], 14, "numbers continue above those found");
    let after = shown(second.path(), &url)[0]["image"].clone();
    assert_ne!(after["history"], before["history"]);
    assert_eq!(after["sequence"], 15);
    let restart = run(second.path(), &accept, VIEW);
    assert_eq!(lines(&out(&restart))[0]["book"]["sequence"], 15, "{}", err(&restart));
}

#[test]
fn new_folder_started_without_redis_does_not_replace_an_image() {
    let (mut server, _folder) = server_with_book();
    let _ = server.ask(&["SAVE"]);
    let url = server.url();
    server.kill();
    let mut host = Running::start(&["--epoch", "never", "--redis", &url]);
    let mut operator = host.unix();
    operator.send(&(MARKET.to_owned() + &close(1)));
    for _ in 0..3 {
        assert_eq!(operator.receive()["done"]["outcome"], "accepted");
    }
    host.wait_for("the start continues");
    server.restart();
    host.wait_for("holds an image of another history");
    let image = &shown(host.folder.path(), &url)[0]["image"];
    assert_eq!((&image["sequence"], &image["term"]), (&13.into(), &"1".into()));
    let _ = server.ask(&["FLUSHALL"]);
    host.wait_for("works again, and the image");
    assert_eq!(shown(host.folder.path(), &url)[0]["image"]["sequence"], 3);
}

#[test]
fn folder_replaces_only_its_own_image_or_the_one_it_was_restored_from() {
    let (server, first) = server_with_book();
    let (url, second) = (server.url(), folder());
    let before = shown(first.path(), &url)[0]["image"].clone();
    let alone = run(second.path(), &["run", "--once", "--epoch", "never"], MARKET);
    assert_eq!(code(&alone), Some(0), "{}", err(&alone));
    let refused = write_image(second.path(), &url, &close(1));
    assert_eq!(code(&refused), Some(1));
    assert!(err(&refused).contains("is of history"), "{}", err(&refused));
    assert_eq!(shown(first.path(), &url)[0]["image"], before, "it is unchanged");
    let restored = redis(first.path(), &url, &["restore", "--folder", "new"]);
    assert_eq!(code(&restored), Some(0), "{}", err(&restored));
    let from_it = run(
        first.path(),
        &["run", "--once", "--epoch", "never", "--folder", "new", "--redis", &url],
        &close(2),
    );
    assert_eq!(code(&from_it), Some(0), "{}", err(&from_it));
    let after = shown(first.path(), &url)[0]["image"].clone();
    assert_ne!(after["history"], before["history"]);
    let too_late = write_image(first.path(), &url, "");
    assert_eq!(code(&too_late), Some(1), "another history has continued the image");
}

#[test]
fn prices_beyond_exact_scores_are_refused_with_redis() {
    let (server, folder) = (Server::start(), folder());
    let far = MARKET.replace("\"100\"", "\"92233720368547758\"").replace("\"1000\"", "\"1\"");
    let refused = write_image(folder.path(), &server.url(), &far);
    assert_eq!(code(&refused), Some(4), "{}", err(&refused));
    assert!(out(&refused).contains("±2^53"), "{}", out(&refused));
    let alone = run(folder.path(), &["run", "--once", "--epoch", "never"], &far);
    assert_eq!(code(&alone), Some(0), "{}{}", out(&alone), err(&alone));
    let later = write_image(folder.path(), &server.url(), "");
    assert_eq!(code(&later), Some(1));
    assert!(err(&later).contains("market 1 go beyond ±2^53"), "{}", err(&later));
}
