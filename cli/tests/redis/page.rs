//! The examples, permissions and field names in `docs/redis.md`.

use pricetime_tests::redis::Server;

use crate::program::page::{self, blocks};
use crate::program::{Running, book, close, err, folder, lines, out, place, run};
use crate::{code, redis, server_with_book, shown, write_image};

const PAGE: &str = include_str!("../../../docs/redis.md");

#[test]
fn examples_of_the_page_give_the_documented_output() {
    let (server, _folder) = server_with_book();
    assert!(blocks(PAGE, "sh").len() >= 6);
    page::ask(PAGE, ["sh", "text"], server.port, str::to_owned);
}

#[test]
fn page_names_every_metadata_field() {
    let (server, folder) = server_with_book();
    // Without a folder, the metadata has more fields.
    let input = &book().replace("\"market\":1", "\"market\":2").replace("SUN", "WIND");
    let url = server.url();
    let alone = ["run", "--once", "--epoch", "never", "--redis-only", "--redis", &url];
    let done = run(folder.path(), &alone, input);
    assert_eq!(code(&done), Some(0), "{}", err(&done));
    for market in [1, 2] {
        let fields = server.ask(&["HKEYS", &format!("pricetime:dev:{{{market}}}:metadata")]);
        assert!(fields.lines().any(|field| field == "sequence"), "{fields}");
        for field in fields.lines() {
            assert!(PAGE.contains(&format!("`{field}`")), "docs/redis.md does not explain {field}");
        }
    }
    for key in server.ask(&["KEYS", "*"]).lines() {
        let name = key.rsplit(':').next().expect("a name");
        assert!(PAGE.contains(&format!(":{name}`")), "docs/redis.md does not explain {key}");
    }
}

#[test]
fn documented_acl_is_sufficient_for_the_image() {
    let server = Server::start();
    let rules = blocks(PAGE, "acl").concat();
    server.allow(&rules);
    let url = format!("redis://pricetime:secret@127.0.0.1:{}", server.port);
    let folder = folder();
    let small = write_image(folder.path(), &url, &book());
    assert_eq!(code(&small), Some(0), "{}", err(&small));
    // More changes than fit in one transaction, twice, so that both generations are used.
    for round in 0..3_u32 {
        let mut input = String::new();
        for number in 0..1_500 {
            input += &place(1, 1_000 + round * 2_000 + number, "buy", "5.00", 1);
        }
        let large = write_image(folder.path(), &url, &(input + &close(2 + round)));
        assert_eq!(code(&large), Some(0), "{}", err(&large));
        assert!(!err(&large).contains("refuses"), "{}", err(&large));
    }
    // Orders that are cancelled while the process runs.
    let mut host = Running::start_in(folder, &["--epoch", "never", "--redis", &url]);
    host.wait_for("Redis: connected");
    let mut operator = host.unix();
    let cancel = "{\"cancel\":{\"market\":1,\"account\":\"00000000-0000-0000-0000-000000000001\",\
                  \"order\":\"00000000-0000-0000-0000-000000001000\"}}\n";
    for line in [cancel, &close(5)] {
        assert_eq!(operator.ask(line)["done"]["outcome"], "accepted");
    }
    let (ended, log, folder) = host.end();
    assert_eq!(ended, Some(0), "{log}");
    assert_eq!(shown(folder.path(), &url)[0]["image"]["bids"], 4_506);
    let alone = ["run", "--once", "--epoch", "never", "--redis-only", "--redis", &url];
    for _ in 0..2 {
        let input = place(1, 9_001, "sell", "5.00", 700) + &close(6);
        let done = run(folder.path(), &alone, &input);
        assert_eq!(code(&done), Some(0), "{}", err(&done));
        assert!(!err(&done).contains("refuses"), "{}", err(&done));
    }
    for words in [
        &["check"][..],
        &["restore", "--folder", "new"],
        &["export", "images"],
        &["import", "images", "--replace"],
        &["drop", "--all", "--yes"],
    ] {
        let done = redis(folder.path(), &url, words);
        assert_eq!(code(&done), Some(0), "{words:?} {}", err(&done));
    }
    server.assert_needed(&rules);
}

#[test]
fn configured_key_names_of_existing_readers_are_used() {
    let (server, folder) = (Server::start(), folder());
    let text = format!(
        "[redis]\nurl = \"{}\"\n{}",
        server.url(),
        blocks(PAGE, "toml").concat().replace("[redis]\n", "")
    );
    std::fs::write(folder.path().join("c.toml"), text).expect("a file");
    let done =
        run(folder.path(), &["run", "--once", "--epoch", "never", "--config", "c.toml"], &book());
    assert_eq!(code(&done), Some(0), "{}", err(&done));
    assert_eq!(server.ask(&["ZCARD", "orderbook:buy"]), "7");
    assert_eq!(server.ask(&["HGET", "orderbook:metadata", "best_bid"]), "990");
    assert_eq!(server.ask(&["GET", "market:current_epoch"]), "2");
    let show = run(folder.path(), &["redis", "show", "--json", "--config", "c.toml"], "");
    assert_eq!(lines(&out(&show))[0]["image"]["sequence"], 13, "{}", err(&show));
}
