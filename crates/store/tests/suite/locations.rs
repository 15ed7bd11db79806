//! Where the data is: how it is read from text, told to people, and what happens when it is not there.

use crate::database::now;
use bursar_store::{Error, Location, Store};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

#[test]
fn a_location_is_a_server_or_a_file() {
    let server = |url: &str| assert_eq!(Location::parse(url), Location::Server(url.to_owned()));
    let file = |text: &str, path: &str| assert_eq!(Location::parse(text), Location::File(path.into()));
    server("postgres://localhost/bursar");
    server("postgresql://user:password@db.example:5432/bursar?sslmode=disable");
    file("bursar.db", "bursar.db");
    file("/var/lib/bursar/bursar.db", "/var/lib/bursar/bursar.db");
    file("sqlite:bursar.db", "bursar.db");
    file("sqlite:/data/x", "/data/x");
    file("postgres", "postgres");
    assert_eq!(Location::in_folder(Path::new("data")), Location::File("data/bursar.db".into()));
}

#[test]
fn messages_do_not_show_who_logs_in() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(Location::parse(text).describe(), expected);
    }
    check("data/bursar.db", "SQLite file data/bursar.db");
    check("postgres://bursar:secret@db.example:5432/bursar", "PostgreSQL at db.example:5432/bursar");
    check("postgres://bursar:se@cret@db.example/bursar", "PostgreSQL at db.example/bursar");
    check("postgres://bursar@db.example/bursar?password=secret", "PostgreSQL at db.example/bursar");
    check("postgres://db.example/bursar?user=bursar&password=secret", "PostgreSQL at the given URL");
    check("postgres://bursar@db.example/bursar?password=secret@x", "PostgreSQL at db.example/bursar");
    check("postgres://localhost/bursar", "PostgreSQL at the given URL");
}

#[test]
fn what_cannot_be_opened_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |location: &Location| Store::open(location, now()).err();
    let missing = Location::in_folder(&folder.path().join("missing"));
    assert!(matches!(open(&missing), Some(Error::Unavailable(_))));
    std::fs::write(folder.path().join("bursar.db"), "this is no database, but long enough to be looked at".repeat(50))
        .expect("a file");
    assert!(matches!(open(&Location::in_folder(folder.path())), Some(Error::Unavailable(_))));
    // A port that was free a moment ago: nobody listens there.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("its address").port();
    drop(listener);
    let nobody = Location::parse(&format!("postgres://postgres@127.0.0.1:{port}/postgres"));
    assert!(matches!(open(&nobody), Some(Error::Unavailable(_))));
    assert!(matches!(open(&Location::parse("postgres://[")), Some(Error::Unavailable(_))));
}
