//! Entries, their locks and their ends.

use super::{Journal, Record};

fn record(nonce: &str) -> Record {
    Record {
        server: "pve.lan:8006".to_owned(),
        node: "pve".to_owned(),
        target: "pve".to_owned(),
        template: 9000,
        vmids: vec![100],
        upid: None,
        name: "glassdome-test-abc123".to_owned(),
        nonce: nonce.to_owned(),
        made: "2026-11-24T08:00:00Z".to_owned(),
        image: None,
        drives: None,
    }
}

#[test]
fn an_entry_is_seen_by_others_only_once_its_run_is_dead() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    assert!(journal.read().unwrap().orphans.is_empty());
    let mut entry = journal.open(record("a1")).unwrap();
    entry.update(|record| record.vmids.push(101)).unwrap();
    let found = journal.read().unwrap();
    assert_eq!((found.orphans.len(), found.alive), (0, 1));
    drop(entry);
    let mut found = journal.read().unwrap();
    assert_eq!((found.orphans.len(), found.alive), (1, 0));
    let orphan = found.orphans.pop().unwrap();
    assert_eq!(orphan.record.vmids, [100, 101]);
    orphan.close().unwrap();
    assert!(journal.read().unwrap().orphans.is_empty());
}

#[test]
fn a_file_that_is_no_entry_is_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    drop(journal.open(record("a1")).unwrap());
    let foreign_file = folder.path().join("journal/strange.json");
    std::fs::write(&foreign_file, "not ours").unwrap();
    let found = journal.read().unwrap();
    assert_eq!((found.orphans.len(), found.unreadable), (1, vec![foreign_file]));
}

#[test]
fn a_line_that_was_cut_off_leaves_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    let entry = journal.open(record("a1")).unwrap();
    let mut text = std::fs::read_to_string(&entry.path).unwrap();
    text.push_str("{\"server\":\"pve");
    std::fs::write(&entry.path, text).unwrap();
    drop(entry);
    let found = journal.read().unwrap();
    assert_eq!(found.orphans.first().map(|entry| entry.record.clone()), Some(record("a1")));
}

#[test]
fn what_is_no_plain_file_is_passed_over_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    drop(journal.open(record("b1")).unwrap());
    let at = |name: &str| folder.path().join("journal").join(name);
    rustix::fs::mknodat(rustix::fs::CWD, at("a.json"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    std::fs::create_dir(at("c.json")).unwrap();
    std::os::unix::fs::symlink(at("b1.json"), at("d.json")).unwrap();
    std::os::unix::fs::symlink("nowhere", at("e.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("f.json")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("g.json")).unwrap();
    std::fs::File::create(at("h.json")).unwrap().set_len(3 << 30).unwrap();
    std::fs::write(at("i.json"), [0xFF, 0xFE, 0]).unwrap();
    let found = journal.read().unwrap();
    let expected = ["a", "c", "d", "e", "f", "g", "h", "i"].map(|name| at(&format!("{name}.json")));
    assert_eq!((found.orphans.len(), found.unreadable), (1, expected.to_vec()));
}

#[test]
fn a_trial_leaves_nothing_and_fails_where_an_entry_would() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::<Record>::new(folder.path().to_owned());
    journal.check_writable().unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("journal")).unwrap().count(), 0);
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(Journal::<Record>::new(file).check_writable().is_err());
}

#[test]
fn an_entry_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::new(folder.path().to_owned());
    let entry = journal.open(record("a1")).unwrap();
    assert_eq!(std::fs::metadata(&entry.path).unwrap().permissions().mode() & 0o777, 0o600);
}
