//! The sources contain nothing that ARCHITECTURE.md forbids. A failure names the place and quotes the
//! sentence.
//!
//! These are searches for words, not proofs. Comments are left out, and so are unit tests at the end
//! of a file.

mod cycles;
mod search;

use std::path::PathBuf;

use search::{
    LIBRARIES, assert_absent_from_engine, assert_rule, code, places, read, root, sources, words,
};

/// The dependencies of a manifest without its dev-dependencies: the name, and the rest of the line.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            let (head, name) = section.rsplit_once("dependencies.").unwrap_or((section, ""));
            let any = section.contains("dependencies") && !section.contains("dev-dependencies");
            if any && !name.is_empty() {
                found.push((name.to_owned(), head.to_owned()));
            }
            inside = any && name.is_empty();
        } else if inside && let Some((name, rest)) = line.split_once(['=', '.']) {
            found.push((name.trim().to_owned(), rest.to_owned()));
        }
    }
    found
}

#[test]
fn engine_depends_only_on_a_fixed_list_of_crates() {
    let optional = ["rust_decimal", "serde", "uuid"];
    let manifest = read(root().join("engine/Cargo.toml"));
    let found = dependencies(&manifest);
    assert!(found.iter().any(|(name, _)| name == "siphasher"), "{found:?}");
    let violations: Vec<_> = found
        .into_iter()
        .filter(|(name, rest)| {
            let allowed = optional.contains(&name.as_str()) && rest.contains("optional = true");
            name != "siphasher" && !allowed
        })
        .map(|(name, rest)| format!("engine/Cargo.toml: {name} = {rest}"))
        .collect();
    assert_rule(
        "The engine depends on `rust_decimal`, `serde`, `siphasher` and `uuid` at most, and all but \
         `siphasher` are optional.",
        &violations,
    );
}

#[test]
fn engine_uses_no_clock_file_network_or_thread() {
    let sentence = "The engine reads no clock, no file, no environment and no network, and starts no \
                    thread.";
    let asks = ["fs", "net", "env", "process", "SystemTime", "Instant", "UNIX_EPOCH", "tokio"];
    let starts = ["io", "spawn", "scope", "Builder", "sleep", "yield_now", "crossbeam_channel"];
    let more = ["async", "redis", "include_bytes"];
    assert_absent_from_engine(sentence, &[asks.as_slice(), &starts, &more].concat());
}

#[test]
fn engine_uses_no_float() {
    assert_absent_from_engine("There is no float in the engine.", &["f32", "f64"]);
}

#[test]
fn engine_uses_no_standard_hash_table() {
    assert_absent_from_engine(
        "The engine uses no hash table of the standard library, so no iteration order decides anything.",
        &["HashMap", "HashSet", "RandomState", "hash_map", "hash_set"],
    );
}

#[test]
fn engine_uses_no_random_numbers() {
    assert_absent_from_engine(
        "The engine draws no random number.",
        &["rand", "fastrand", "getrandom", "new_v4", "now_v7", "thread_rng"],
    );
}

#[test]
fn fixed_index_key_is_used_only_for_generated_ids() {
    let generated_ids = ["demo.rs", "golden"];
    let files = ["persistence", "host/src", "gateway/src", "cli/src"];
    let files: Vec<_> = files.iter().flat_map(|folder| sources(folder)).collect();
    let mut violations = Vec::new();
    let has_generated_ids =
        |file: &PathBuf| file.iter().any(|part| generated_ids.iter().any(|it| part == *it));
    for file in files.iter().filter(|file| !has_generated_ids(file)) {
        let text = read(file);
        let fixed = |line: &str| line.contains("Engine::new(") || line.contains("IndexKey::FIXED");
        let lines = code(&text).filter(|(_, line)| fixed(line));
        violations.extend(lines.map(|(number, _)| format!("{}:{number}", file.display())));
    }
    assert_rule(
        "An engine that holds ids of clients never has the fixed key, `IndexKey::FIXED`.",
        &violations,
    );
}

#[test]
fn engine_has_no_unsafe_code() {
    assert_absent_from_engine("There is no `unsafe` code in the engine.", &["unsafe"]);
}

#[test]
fn engine_logs_and_prints_nothing() {
    let output_words =
        ["print", "println", "eprint", "eprintln", "dbg", "log", "tracing", "stdout", "stderr"];
    let text_words = ["format", "to_string"];
    let mut files = sources("engine/src");
    let mut violations = places(&files, |word| output_words.contains(&word));
    files.retain(|file| !file.ends_with("decimal.rs") && !file.ends_with("step.rs"));
    violations.extend(places(&files, |word| text_words.contains(&word)));
    let sentence = "The engine logs nothing and prints nothing, and only `decimal.rs` and `step.rs` make \
                    text.";
    assert_rule(sentence, &violations);
}

#[test]
fn model_does_not_call_the_engine() {
    let files = sources("tests/src/model");
    let mut violations = places(&files, |word| ["Engine", "Subject", "Trial"].contains(&word));
    // The model names types of the engine only in imports, so it is enough to check these.
    let engine_types = ["Book", "Engine", "Level", "OrderView", "Broken"];
    for file in &files {
        let text: String = code(&read(file)).map(|(_, line)| format!("{line}\n")).collect();
        for part in text.split("pricetime_engine::").skip(1) {
            let import = part.split(';').next().unwrap_or(part);
            let imported = words(import).filter(|word| engine_types.contains(word));
            violations.extend(imported.map(|word| format!("{}: imports {word}", file.display())));
            if import.trim_start().starts_with('*') {
                violations.push(format!("{}: imports everything", file.display()));
            }
        }
    }
    assert_rule(
        "The reference model never calls the engine's own book: a model that used the code it \
         checks would prove nothing.",
        &violations,
    );
}

#[test]
fn libraries_do_not_depend_on_tests_benches_or_fuzz() {
    let mut violations = Vec::new();
    for (dir, may_see) in LIBRARIES {
        let manifest = read(root().join(dir).join("Cargo.toml"));
        for (name, _) in dependencies(&manifest) {
            if name.starts_with("pricetime") && !may_see.contains(&name.as_str()) {
                violations.push(format!("{dir}/Cargo.toml: {name}"));
            }
        }
    }
    assert_rule(
        "No library depends on `tests`, `benches` or `fuzz`, and the engine depends on no other crate \
         of the workspace.",
        &violations,
    );
}

#[test]
fn test_files_are_where_cargo_finds_them() {
    let files = std::fs::read_dir(root().join("tests")).expect("tests");
    let violations: Vec<String> = files
        .filter_map(|file| file.expect("a file").file_name().into_string().ok())
        .filter(|name| name.ends_with(".rs"))
        .collect();
    assert_rule(
        "No test file is outside `tests/tests`, where Cargo would not find it.",
        &violations,
    );
}

#[test]
fn only_the_host_reads_the_wall_clock() {
    let clocks = ["Instant", "SystemTime", "UNIX_EPOCH"];
    let timed = ["host", "gateway"];
    let libraries = LIBRARIES.iter().filter(|(folder, _)| !timed.contains(folder));
    let others: Vec<PathBuf> = libraries.flat_map(|(folder, _)| sources(folder)).collect();
    let violations = places(&others, |word| clocks.contains(&word));
    assert_rule("Of all libraries only `host` reads the wall clock.", &violations);
    // The lock needs a monotonic clock, which does not show the time of day.
    let others: Vec<PathBuf> =
        sources("persistence").into_iter().filter(|it| !it.ends_with("redlock/clock.rs")).collect();
    let violations = places(&others, |word| ["clock_gettime", "ClockId"].contains(&word));
    assert_rule("Of all libraries only `host` reads the wall clock.", &violations);
    // `json/value.rs` formats dates, so it has to name the type.
    let allowed = ["sequencer.rs", "json/value.rs"];
    let mut others = [sources("host/src"), sources("gateway/src")].concat();
    others.retain(|file| !allowed.iter().any(|it| file.ends_with(it)));
    let violations = places(&others, |word| ["SystemTime", "UNIX_EPOCH"].contains(&word));
    assert_rule("In `host`, only `sequencer.rs` does.", &violations);
}

#[test]
fn redis_client_is_named_only_in_its_folder() {
    let dirs = ["redis", "redis.rs", "redlock", "redlock.rs"];
    let within = |file: &PathBuf| file.iter().any(|part| dirs.iter().any(|dir| part == *dir));
    let others: Vec<PathBuf> = LIBRARIES
        .iter()
        .flat_map(|(dir, _)| sources(dir))
        .filter(|file| !(within(file) && file.iter().any(|part| part == "persistence")))
        .collect();
    let client = ["RedisResult", "RedisConnectionInfo", "FromRedisValue", "ToRedisArgs"];
    assert_rule(
        "Only `persistence/redis` and the Redis ledger name the Redis client.",
        &places(&others, |word| client.contains(&word)),
    );
}

/// The places that name one of these crates: in a path, or in an import.
fn named(files: &[PathBuf], crates: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for file in files {
        for (number, line) in code(&read(file)) {
            let paths = line.rsplit("::").skip(1).filter_map(|path| words(path).last());
            let imports = line.trim().strip_prefix("use ").and_then(|rest| words(rest).next());
            let found = paths.chain(imports).find(|word| crates.contains(word));
            places.extend(found.map(|word| format!("{}:{number}: {word}", file.display())));
        }
    }
    places
}

#[test]
fn ledger_clients_are_named_only_in_their_folders() {
    let sentence = "Only `ledger/postgres` names the PostgreSQL client, and only `ledger/embedded` \
                    names redb.";
    let clients_by_dir = [
        ("postgres", ["tokio_postgres", "tokio_postgres_rustls"].as_slice()),
        ("embedded", ["redb"].as_slice()),
    ];
    let files: Vec<PathBuf> = LIBRARIES.iter().flat_map(|(dir, _)| sources(dir)).collect();
    for (dir, crates) in clients_by_dir {
        let ledgers = root().join("persistence/settlement/src/ledger");
        let (file, folder) = (ledgers.join(format!("{dir}.rs")), ledgers.join(dir));
        let within = |it: &PathBuf| *it == file || it.starts_with(&folder);
        let (inside, others): (Vec<PathBuf>, _) = files.iter().cloned().partition(within);
        assert!(!named(&inside, crates).is_empty(), "{crates:?} are not named any more");
        let mut violations = named(&others, crates);
        for (library, _) in
            LIBRARIES.iter().filter(|(library, _)| *library != "persistence/settlement")
        {
            let manifest = read(root().join(library).join("Cargo.toml"));
            let names = dependencies(&manifest).into_iter().map(|(name, _)| name);
            let clients = names.filter(|name| crates.contains(&name.replace('-', "_").as_str()));
            violations.extend(clients.map(|name| format!("{library}/Cargo.toml: {name}")));
        }
        assert_rule(sentence, &violations);
    }
}

#[test]
fn names_avoid_empty_words() {
    let empty = [
        "manager",
        "processor",
        "handler",
        "service",
        "util",
        "utils",
        "helper",
        "helpers",
        "data",
        "info",
    ];
    let files: Vec<_> = [
        "engine",
        "host",
        "gateway",
        "recordings",
        "terminal",
        "cli",
        "benches",
        "fuzz/src",
        "fuzz/fuzz_targets",
        "tests",
    ]
    .iter()
    .flat_map(|dir| sources(dir))
    .collect();
    let mut violations = Vec::new();
    for file in &files {
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if stem.split('_').any(|part| empty.contains(&part)) {
            violations.push(file.display().to_string());
        }
        for (number, line) in code(&read(file)) {
            let mut before = "";
            for word in words(line).filter(|word| !word.is_empty()) {
                let named = ["struct", "enum", "trait", "mod", "fn", "type"].contains(&before);
                if named && parts(word).any(|part| empty.contains(&part.as_str())) {
                    violations.push(format!("{}:{number}: {word}", file.display()));
                }
                before = word;
            }
        }
    }
    assert_rule(
        "Nothing is called manager, processor, handler, service, util, helper, data or info.",
        &violations,
    );
}

/// The words of a name.
fn parts(name: &str) -> impl Iterator<Item = String> {
    let mut parts = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| c != '_') {
            part.extend(c.to_lowercase());
        }
    }
    parts.into_iter()
}

#[test]
fn word_search_skips_comments_and_unit_tests() {
    let text =
        "use std::fs; // no fs\n// f64\nlet x: f64 = 0.0;\n#[cfg(test)]\nmod tests {\n f32 }";
    let found: Vec<_> = code(text)
        .flat_map(|(number, line)| words(line).map(move |word| (number, word)))
        .filter(|(_, word)| ["fs", "f32", "f64"].contains(word))
        .collect();
    assert_eq!(found, [(1, "fs"), (3, "f64")]);

    let manifest = "[dependencies]\na.workspace = true\nb = { workspace = true }\n\
                    [dev-dependencies]\nc = \"1\"\n[target.'cfg(unix)'.dependencies]\nd = \"1\"\n\
                    [dependencies.e]\nversion = \"1\"\n[features]\nf = []\n";
    let names: Vec<_> = dependencies(manifest).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "d", "e"]);

    let split: Vec<_> = parts("DataStore_info").collect();
    assert_eq!(split, ["", "data", "store", "info"]);
}
