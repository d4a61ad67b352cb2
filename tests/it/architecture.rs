//! Who may import whom. A failure here means: move the code, not the arrow.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each part of the crate may use of the crate, beside itself.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &["clock"]),
    ("clock", &[]),
    ("bounded", &[]),
    ("ui", &["model"]),
    ("settings", &["model", "clock", "bounded"]),
    ("pve", &["model", "clock", "bounded"]),
    ("sandbox", &["clock"]),
    ("error", &["model", "ui", "settings", "pve", "sandbox", "journal", "session", "cli"]),
    ("session", &["clock", "ui"]),
    ("cli", &["model", "sandbox"]),
    ("journal", &["model", "bounded"]),
    ("ops", &["session", "error", "pve", "settings", "ui", "sandbox", "clock", "model", "journal", "bounded"]),
    (
        "commands",
        &["cli", "ops", "session", "error", "pve", "settings", "ui", "sandbox", "clock", "model", "journal", "bounded"],
    ),
    ("process_limits", &[]),
    ("lib", &["commands", "cli", "session", "error", "ui", "model", "process_limits"]),
    ("main", &[]),
];

/// Where each library is at home: no other part names it.
const HOMES: &[(&str, &[&str])] = &[
    ("reqwest", &["pve"]),
    ("rustls", &["pve", "sandbox"]),
    ("x509_parser", &["pve"]),
    ("hyper", &["pve"]),
    ("rcgen", &["sandbox"]),
    ("httparse", &["sandbox"]),
    ("console", &["ui", "session"]),
    ("dialoguer", &["ui"]),
    ("fuzzy_matcher", &["ui"]),
    ("indicatif", &["ui"]),
    ("nix", &["session"]),
    ("clap", &["cli", "lib"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("dotenvy", &["settings"]),
    ("similar", &["settings"]),
    ("futures_util", &["ops"]),
];

/// The files in which a secret leaves its wrapping, and how often.
const EXPOSURES: &[(&str, usize)] = &[
    ("commands/env.rs", 3),
    ("model/token_secret.rs", 1),
    ("ops/context/sandbox.rs", 1),
    ("pve/http/transport/credentials.rs", 4),
    ("settings/setting.rs", 5),
    ("settings/syntax.rs", 3),
];

/// Lists the Rust files below `src`, with their text cut off where the unit tests begin.
fn sources() -> Vec<(String, String)> {
    let production = |text: String| text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
    let files =
        whole_sources().into_iter().filter(|(file, _)| !file.ends_with("tests.rs") && !file.contains("/tests/"));
    files.map(|(file, text)| (file, production(text))).collect()
}

/// Lists the Rust files below `src` with their whole text.
fn whole_sources() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let relative = |path: &Path| path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
    files.iter().map(|path| (relative(path), fs::read_to_string(path).expect("a source file"))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).expect("a folder") {
        let path = item.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// Gives the part that a file belongs to: its folder, or its own name at the top.
fn part(file: &str) -> &str {
    file.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// Finds the parts that a text names behind `crate::`, outside comments.
fn used_parts(text: &str) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (index, _) in code.match_indices("crate::") {
            let name: String = code[index + 7..].chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
            if !name.is_empty() {
                used.push((number + 1, name));
            }
        }
    }
    used
}

#[test]
fn imports_point_one_way() {
    let rules: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let here = part(&file);
        let allowed = rules.get(here).unwrap_or_else(|| panic!("{file}: add `{here}` to MAY_USE in {}", file!()));
        for (line, used) in used_parts(&text) {
            if used != here && !allowed.contains(&used.as_str()) {
                wrong.push(format!(
                    "src/{file}:{line}: `{here}` may not use `{used}`: move the code to a layer that may"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The files of `commands` that are no command: any of them may use these.
const SHARED_BY_COMMANDS: &[&str] = &["mod", "options", "CommandFailure", "manual", "reference"];

#[test]
fn no_command_uses_another_one() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let Some(below) = file.strip_prefix("commands/") else { continue };
        let here = part(below);
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (index, _) in code.match_indices("crate::commands::") {
                let named = &code[index + "crate::commands::".len()..];
                let names = named.strip_prefix('{').map_or(named.split("::").take(1).collect(), |group| {
                    group.split('}').next().unwrap_or_default().split(',').collect::<Vec<_>>()
                });
                for name in names {
                    let name: String =
                        name.trim().chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
                    if here != "mod" && name != here && !SHARED_BY_COMMANDS.contains(&name.as_str()) {
                        wrong.push(format!(
                            "src/{file}:{}: a command may not use `{name}`: move it to `ops`",
                            number + 1
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Gives the file of the sandbox that a path behind `crate::sandbox::` leads to.
fn sandbox_file<'a>(path: &str, files: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let parts: Vec<&str> = path.split("::").collect();
    let known = (1..=parts.len()).rev().find_map(|count| files.get_key_value(&parts[..count].join("/")));
    known.map(|(module, _)| module.as_str())
}

/// Lists what a file of the sandbox imports of the others.
fn imported<'a>(text: &str, files: &'a BTreeMap<String, String>) -> Vec<&'a str> {
    let paths = text.split("use crate::sandbox::").skip(1).filter_map(|rest| rest.split(';').next());
    let each = paths.flat_map(|path| match path.split_once('{') {
        Some((base, names)) => {
            let names = names.trim_end_matches('}').split(',');
            names.map(|name| format!("{base}{}", name.trim())).collect()
        }
        None => vec![path.to_owned()],
    });
    each.filter_map(|path| sandbox_file(&path, files)).collect()
}

#[test]
fn files_of_the_sandbox_do_not_import_each_other_in_circles() {
    let module = |file: &str| {
        let path = file.strip_prefix("sandbox/")?.trim_end_matches(".rs");
        Some(path.trim_end_matches("/mod").to_owned())
    };
    let files: BTreeMap<String, String> =
        sources().into_iter().filter_map(|(file, text)| Some((module(&file)?, text))).collect();
    let mut left: BTreeMap<&str, Vec<&str>> = files
        .iter()
        .map(|(here, text)| (here.as_str(), imported(text, &files).into_iter().filter(|it| it != here).collect()))
        .collect();
    assert!(left.values().flatten().count() > 100, "the imports are found");
    // Files that import nothing that is left are taken away, until a circle remains or nothing.
    loop {
        let names: Vec<&str> = left.keys().copied().collect();
        let before = left.len();
        left.retain(|_, imports| imports.iter().any(|import| names.contains(import)));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "in or before a circle: {left:#?}");
}

#[test]
fn each_library_stays_at_home() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for (library, homes) in HOMES {
            let named = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains(&format!("use {library}::")) || code.contains(&format!(" {library}::"))
            });
            if named && !homes.contains(&part(&file)) {
                wrong.push(format!("src/{file}: `{library}` is at home in {homes:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn commands_and_operations_show_things_by_calls_on_the_session() {
    for (file, text) in sources().iter().filter(|(file, _)| part(file) != "ui" && file != "session.rs") {
        for around in ["ui.borrow", "RefCell<Ui>", "session.ui.info(", "session.ui.result(", "session.ui.json("] {
            assert!(!text.contains(around), "src/{file}: `{around}`: use `session.note`, `warn`, `info`, `result`, …");
        }
    }
}

#[test]
fn every_error_decides_on_its_kind_and_hints() {
    for (file, text) in sources().iter().filter(|(file, _)| part(file) == "error") {
        for name in ["fn kind(&self", "fn hints(&self", "fn advice("] {
            let body = text.split(name).nth(1).unwrap_or_default();
            let indent = if name == "fn advice(" { "        " } else { "            " };
            let end = body.find(if name == "fn advice(" { "\n}\n" } else { "\n    }\n" }).unwrap_or_default();
            let wildcard = format!("\n{indent}_ =>");
            assert!(!body[..end].contains(&wildcard), "src/{file}: `{name}`: spell the variants out");
        }
    }
}

/// Gives the parameters of each function of a text, with the line on which it begins.
fn parameters(text: &str) -> Vec<(usize, &str)> {
    let mut all = Vec::new();
    for (index, _) in text.match_indices("fn ") {
        let Some(open) = text[index..].find('(').map(|open| index + open) else { continue };
        let name = text[index + 3..open].split('<').next().unwrap_or_default();
        if name.is_empty() || !name.chars().all(|it| it.is_alphanumeric() || it == '_') {
            continue;
        }
        let mut depth = 0;
        let close = text[open..].char_indices().find(|(_, character)| {
            depth += i32::from(*character == '(') - i32::from(*character == ')');
            depth == 0
        });
        if let Some((length, _)) = close {
            all.push((text[..index].lines().count().max(1), &text[open + 1..open + length]));
        }
    }
    all
}

/// Where each argument has a name, a reader of the call sees what is what. Pairs of a key and its value come as slices.
#[test]
fn arguments_are_no_tuples() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (file, text) in sources().iter().filter(|(file, _)| part(file) != "sandbox") {
        for (line, parameters) in parameters(text) {
            seen += 1;
            let plain: String = parameters.split_whitespace().collect::<Vec<_>>().join(" ");
            let is_unit_or_bound = |rest: &str| rest.starts_with(')') || rest.starts_with("dyn ");
            let tuples = [": (", ": &(", ": &mut ("].iter().flat_map(|begin| plain.match_indices(begin));
            let has_tuple = tuples
                .filter(|(at, begin)| !is_unit_or_bound(&plain[at + begin.len()..]))
                .any(|(at, _)| !plain[at..].starts_with(": &'"));
            let destructures = plain.starts_with('(') || plain.contains(", (") && plain.contains("): (");
            if has_tuple || destructures {
                wrong.push(format!("src/{file}:{line}: `{plain}`: give each argument a name, or make a struct"));
            }
        }
    }
    assert!(seen > 1000, "the functions are found: {seen}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn time_comes_from_the_clock() {
    for (file, text) in whole_sources().iter().filter(|(file, _)| file != "clock.rs") {
        for around in ["Instant::now", "SystemTime::now", ".elapsed()", "time::sleep", "thread::sleep"] {
            assert!(!text.contains(around), "src/{file}: `{around}`: use src/clock.rs");
        }
    }
}

#[test]
fn secrets_leave_their_wrapping_in_few_places() {
    let found: BTreeMap<String, usize> = sources()
        .iter()
        .map(|(file, text)| (file.clone(), text.matches(".expose()").count()))
        .filter(|(_, count)| *count > 0)
        .collect();
    let expected: BTreeMap<String, usize> =
        EXPOSURES.iter().map(|(file, count)| ((*file).to_owned(), *count)).collect();
    assert!(expected.len() <= 6, "a secret is exposed in six files at most");
    assert_eq!(found, expected, "every place where a secret is exposed is known and counted");
}

/// The files that may write names of variables: their table, and those whose names are not keys of this program.
const NAMES_OF_VARIABLES: &[(&str, &str)] = &[
    ("settings/keys.rs", "the table"),
    ("settings/formats", "the variables of other tools"),
    ("settings/quoting.rs", "a variable that must be unset, so that its default is read"),
    ("model/register.rs", "what names of any tool about Proxmox VE begin with"),
    ("cli/completion.rs", "the variable by which the script of a shell asks"),
    ("cli/mod.rs", "what the build script says of the build"),
];

/// Finds the names of variables in a text: of this program, or of those about Proxmox VE.
fn variables_in(text: &str) -> Vec<&str> {
    let is_name = |character: char| character.is_ascii_uppercase() || character.is_ascii_digit() || character == '_';
    let words = text.split(|character: char| !is_name(character));
    words.filter(|word| ["PROXMOX_", "UBUNTU_", "GLASSDOME_"].iter().any(|begin| word.starts_with(begin))).collect()
}

#[test]
fn names_of_variables_come_from_the_table_of_keys() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if NAMES_OF_VARIABLES.iter().any(|(place, _)| file.starts_with(place)) {
            continue;
        }
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for name in variables_in(line) {
                wrong.push(format!("src/{file}:{}: `{name}`: take it from src/settings/keys.rs", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Help texts are comments and pages, which cannot name a constant; so what they name is looked up.
#[test]
fn help_texts_name_variables_that_exist() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let table = ["settings/keys.rs", "settings/formats.rs"].map(|file| fs::read_to_string(root.join(file)).unwrap());
    let known: Vec<&str> = table.iter().flat_map(|text| variables_in(text)).collect();
    let mut texts: Vec<(String, String)> =
        sources().into_iter().filter(|(file, _)| file.starts_with("cli/") && file != "cli/mod.rs").collect();
    for page in fs::read_dir(root.join("cli/topics")).unwrap() {
        let path = page.unwrap().path();
        texts.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
    }
    let mut found = 0;
    for (file, text) in &texts {
        for name in variables_in(text).into_iter().filter(|name| *name != "GLASSDOME_COMPLETE") {
            let first = name.replace("PROXMOX_02_", "PROXMOX_").replace("_02", "");
            assert!(known.contains(&name) || known.contains(&first.as_str()), "{file}: there is no variable `{name}`");
            found += 1;
        }
    }
    assert!(found > 30, "the names are found: {found}");
}

/// What would let the text of a server out as it came.
const RAW_WAYS_OUT: [&str; 7] = [
    "as_str",
    "impl Deref for Foreign",
    "AsRef<str> for Foreign",
    "Borrow<str> for Foreign",
    "From<Foreign>",
    "Validated for String",
    "into_inner",
];

/// The files of `pve` whose types hold what a server said, and what of them is text of our own: names of entries that a
/// check let through, reasons that this program words, texts of requests.
const OWN_TEXT: &[(&str, &[&str])] = &[
    ("pve/client/access.rs", &["pub comment: String"]),
    ("pve/client/acl.rs", &[]),
    ("pve/client/login.rs", &[]),
    ("pve/client/vm.rs", &["pub name: String", "pub description: String"]),
    ("pve/client/storage.rs", &["pub url: String", "pub filename: String", "pub sha256: Option<String>"]),
    ("pve/http/reply.rs", &["pub node: Option<String>"]),
    ("pve/task.rs", &["pub amount: Option<String>", "pub why: String"]),
    ("pve/vm_config.rs", &["pub bus: String"]),
    ("pve/values.rs", &["pub kind: String"]),
    ("pve/tls/certificate.rs", &[]),
];

#[test]
fn text_of_a_server_has_no_raw_way_out() {
    let files: BTreeMap<String, String> = sources().into_iter().collect();
    let foreign = &files["model/foreign.rs"];
    let found: Vec<&str> = RAW_WAYS_OUT
        .into_iter()
        .filter(|way| foreign.lines().any(|line| line.contains(way) && !line.contains(".as_str()")))
        .collect();
    assert!(found.is_empty(), "src/model/foreign.rs: {found:?}");
    let elsewhere = |text: &String| text.contains("Validated for String") || text.contains("From<Foreign>");
    let wrong: Vec<&String> = files.iter().filter(|(_, text)| elsewhere(text)).map(|(file, _)| file).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_a_server_says_is_held_as_foreign_or_as_a_checked_name() {
    let files: BTreeMap<String, String> = sources().into_iter().collect();
    let mut wrong = Vec::new();
    for (file, own) in OWN_TEXT {
        for (number, line) in files[*file].lines().enumerate() {
            let line = line.trim().trim_end_matches(',');
            let is_text =
                line.starts_with("pub ") && line.contains(": ") && line.contains("String") && !line.contains('(');
            if is_text && !own.contains(&line) {
                wrong.push(format!("src/{file}:{}: `{line}`: text of a server is `Foreign`", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn names_are_imported_one_by_one() {
    for (file, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let is_glob = line.trim_start().starts_with("use ") && line.contains("::*");
            assert!(!is_glob, "src/{file}:{}: no glob imports", number + 1);
        }
    }
}

#[test]
fn tests_need_the_checkout_and_what_every_system_has_alone() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("tests"), &mut files);
    collect(&root.join("src"), &mut files);
    let beside = concat!("..", "/shared");
    let climbs = concat!("CARGO_MANIFEST_DIR\")).join(\"", "..");
    // The search path may hold no more than a toolchain.
    let searched = ["sh", "mkfifo", "setsid"].map(|program| format!("Command::new(\"{program}\")"));
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file");
        for (number, line) in text.lines().enumerate() {
            let is_outside = line.contains(beside) || line.contains(climbs);
            assert!(!is_outside, "{}:{}: bring it into the project", path.display(), number + 1);
            let is_searched = searched.iter().any(|call| line.contains(call));
            assert!(!is_searched, "{}:{}: `/bin/sh`, `make_fifo`, `Terminal`", path.display(), number + 1);
        }
    }
}

#[test]
fn every_file_says_its_one_job_at_its_top() {
    for (file, text) in sources() {
        assert!(text.starts_with("//! "), "src/{file}: begin with one line `//!` that says what the file is for");
    }
}

/// A command of ours is completed with the flags of the run only where the output layer can see where it begins and ends.
#[test]
fn commands_in_sentences_are_in_backticks() {
    let commands =
        ["setup", "test-vm", "doctor", "token", "template", "cleanup", "env"].map(|it| format!("glassdome {it}"));
    let is_text = |file: &str| !["cli", "sandbox"].contains(&part(file));
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (file, text) in sources().iter().filter(|(file, _)| is_text(file)) {
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for (at, _) in commands.iter().flat_map(|command| line.match_indices(command.as_str())) {
                seen += 1;
                if !line[..at].ends_with(['"', '`', '(']) {
                    wrong.push(format!("src/{file}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(seen > 30, "the commands are found: {seen}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
