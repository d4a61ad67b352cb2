//! Help, README and `.env.example` tell the truth about this program.

use glassdome::cli::manual::escaped;
use glassdome::cli::topics::{self, TopicBlock};
use glassdome::error::KINDS;
use glassdome::model::Tool;
use glassdome::sandbox::KINDS as KINDS_OF_FAULTS;
use glassdome::settings::{KEYS, variables_of};

use crate::support::test_env::TestEnv;

/// Every command, in the order of the help.
const COMMANDS: [&str; 11] =
    ["setup", "test-vm", "doctor", "token", "cleanup", "template", "env", "sandbox", "completions", "man", "help"];

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// Gives the words of a help text that are flags.
fn flags(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, _) in text.match_indices("--") {
        let is_start = index == 0 || !text[..index].ends_with(|before: char| before.is_alphanumeric() || before == '-');
        let word: String =
            text[index + 2..].chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '-').collect();
        if is_start && word.starts_with(|first: char| first.is_ascii_lowercase()) {
            found.push(format!("--{}", word.trim_end_matches('-')));
        }
    }
    found
}

#[test]
fn every_exit_code_is_documented_in_readme_and_help() {
    let help = TestEnv::new().glassdome("help exit-codes").expect(0).results;
    let page = TestEnv::new().glassdome("man").expect(0).results;
    for (kind, meaning) in KINDS {
        assert!(page.contains(&format!("\\fB{}\\fR\n{}\n", kind.exit_code(), escaped(meaning))), "{kind:?} in\n{page}");
        assert!(help.contains(&format!("{:>3}  {}: {meaning}", kind.exit_code(), kind.word())), "{kind:?} in\n{help}");
        if kind.exit_code() < 100 {
            let row = format!("| {} | `{}` | ", kind.exit_code(), kind.word());
            assert!(readme().contains(&row), "README lacks {row}");
        }
    }
    assert!(readme().contains("| 129, 130, 143 | `interrupted` |"));
}

#[test]
fn every_command_is_in_readme_and_no_other() {
    let help = TestEnv::new().glassdome("--help").expect(0).results;
    let listed: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(listed, COMMANDS);
    let table: Vec<String> = readme()
        .lines()
        .filter_map(|line| line.strip_prefix("| `glassdome ")?.split('`').next().map(str::to_owned))
        .filter(|name| !name.starts_with("help "))
        .collect();
    assert_eq!(table, listed);
}

#[test]
fn every_topic_is_listed_and_explained_in_help_manual_and_readme() {
    let stage = TestEnv::new();
    let (help, readme) = (stage.glassdome("--help").expect(0).results, readme());
    let listed: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `glassdome help ")?.split('`').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(listed, topics::names().collect::<Vec<_>>());
    let of_token = stage.glassdome("help token create").expect(0).results;
    assert_eq!(of_token, stage.glassdome("token create --help").results);
    for name in topics::names() {
        assert!(help.contains(name), "{name} is not in\n{help}");
        stage.glassdome(&format!("help {name}")).expect(0);
    }
    stage.glassdome("man --dir .").expect(0);
    for name in topics::names() {
        let page = stage.glassdome(&format!("man {name}")).expect(0).results;
        assert_eq!(page, stage.read(&format!("glassdome-{name}.1")));
        assert!(page.contains(".SH NAME") && page.matches(".TP").count() > 3, "{page}");
    }
    stage.glassdome("help nonsense").expect(2).says("exit-codes, environment");
    for topic in topics::all() {
        assert!(readme.contains(&format!("| `glassdome help {}` | {} |", topic.name, topic.title)), "{}", topic.name);
        assert!(stage.glassdome(&format!("help {}", topic.name)).results.contains(topic.title), "{}", topic.name);
        let page = stage.read(&format!("glassdome-{}.1", topic.name));
        assert!(page.to_uppercase().contains(&escaped(topic.title).to_uppercase()), "{page}");
        let pieces = page.matches("\n.PP\n").count() + page.matches("\n.TP\n").count();
        assert!(pieces + page.matches("\n.SS ").count() > 3, "{page}");
    }
}

#[test]
fn the_readme_is_short() {
    assert!(readme().len() <= 12_000, "{} bytes", readme().len());
    for line in ["$ cargo run -- setup --sandbox --no-input", "$ cargo test"] {
        assert!(readme().lines().any(|it| it == line), "{line}");
    }
}

#[test]
fn the_version_names_commit_target_and_sandbox() {
    let version = TestEnv::new().glassdome("--version").expect(0).results;
    let inner = version.trim_end().strip_prefix(concat!("glassdome ", env!("CARGO_PKG_VERSION"), " (commit ")).unwrap();
    let parts: Vec<&str> = inner.strip_suffix(')').unwrap().split(", ").collect();
    let [commit, target, sandbox] = parts[..] else { panic!("{version}") };
    assert!(target.starts_with(std::env::consts::ARCH) && target.contains(std::env::consts::OS), "{version}");
    assert_eq!(sandbox, "with sandbox");
    let git = |words: &[&str]| {
        let output = std::process::Command::new("git").args(words).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let output = output.ok().filter(|output| output.status.success());
        output.map(|output| String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    };
    let is_top = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty());
    let expected = git(&["rev-parse", "HEAD"]).filter(|_| is_top);
    match expected {
        Some(head) => assert!(commit.len() > 6 && head.starts_with(commit), "{version}"),
        None => assert_eq!(commit, "unknown"),
    }
}

#[test]
fn every_flag_that_a_text_names_exists() {
    let stage = TestEnv::new();
    let mut known = Vec::new();
    let mut texts = vec![("README.md".to_owned(), readme())];
    let of_tokens = ["token create", "token list", "token rotate", "token revoke", "template list", "template create"];
    for command in std::iter::once("").chain(COMMANDS).chain(of_tokens) {
        let help = stage.glassdome(&format!("{command} --help")).expect(0).results;
        assert!(help.contains("help exit-codes") && help.contains("help environment"), "{command} --help");
        known.extend(flags(&help));
        texts.push((command.to_owned(), help));
    }
    // Flags of other programs: `pveum user token add --privsep 0`, `cargo install --path .`.
    known.extend(["--privsep", "--path", "--comment", "--release", "--test"].map(str::to_owned));
    texts
        .extend(topics::names().map(|name| (format!("help {name}"), stage.glassdome(&format!("help {name}")).results)));
    for (name, text) in texts {
        for flag in flags(&text) {
            assert!(known.contains(&flag), "{name} names {flag}");
        }
    }
}

/// Values that a placeholder of a text may stand for.
const SAMPLES: [&str; 8] = ["100", "root@pam", "x", "pve.lan", "bash", "terraform-bpg", "--yes", "setup"];

/// Lists the command lines of this program that a text names: as a whole literal, in backticks, or alone on a line.
fn command_lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, _) in text.match_indices("glassdome ") {
        let (before, rest) = (text[..index].chars().last(), &text[index..]);
        let end = match before {
            Some('`') => rest.find('`'),
            Some('"') => rest.find('"'),
            _ => continue,
        };
        found.extend(end.filter(|end| *end > 10).map(|end| rest[..end].replace("\\\n", " ")));
    }
    found
}

/// Gives every way to put samples in the place of `{…}` and of words in capitals.
fn filled(line: &str) -> Vec<Vec<String>> {
    let fingerprint = ["AB"; 32].join(":");
    let mut ways: Vec<Vec<String>> = vec![Vec::new()];
    for word in line.split_whitespace() {
        let is_capital =
            word.len() > 1 && word.chars().all(|it| it.is_ascii_uppercase() || it == '-' || it.is_ascii_digit());
        let words: Vec<String> = match (word.find('{'), is_capital) {
            (None, false) => vec![word.to_owned()],
            (Some(from), _) => {
                let to = word.rfind('}').unwrap_or(word.len() - 1);
                let samples = SAMPLES.iter().copied().chain([fingerprint.as_str()]);
                samples.map(|sample| format!("{}{sample}{}", &word[..from], &word[to + 1..])).collect()
            }
            (None, true) => SAMPLES.iter().copied().chain([fingerprint.as_str()]).map(str::to_owned).collect(),
        };
        ways = ways
            .iter()
            .flat_map(|way| words.iter().map(|word| way.iter().cloned().chain([word.clone()]).collect()))
            .collect();
    }
    ways
}

/// Says whether clap understands a command line, whatever the values of its placeholders are.
fn is_understood(line: &str) -> bool {
    filled(line).into_iter().any(|words| {
        let words: Vec<std::ffi::OsString> = words.into_iter().map(Into::into).collect();
        use clap::error::ErrorKind as Why;
        let ends_with_flag = line.split_whitespace().last().is_some_and(|word| word.starts_with("--"));
        match glassdome::cli::parse(&words).map_err(|why| why.kind()) {
            Ok(_) | Err(Why::DisplayHelp | Why::DisplayVersion) => true,
            // Prose that names a command or a flag alone.
            Err(Why::MissingRequiredArgument | Why::DisplayHelpOnMissingArgumentOrSubcommand) => true,
            Err(Why::InvalidValue) => ends_with_flag,
            Err(_) => false,
        }
    })
}

fn rust_files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn clap_understands_every_command_that_a_text_names() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    let mut texts: Vec<(String, String)> = files
        .iter()
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .map(|(path, text)| (path, text.split("#[cfg(test)]\nmod ").next().unwrap().to_owned()))
        .collect();
    texts.push(("README.md".to_owned(), readme()));
    texts.extend(topics::all().map(|topic| (topic.name.to_owned(), format!("{:?}", topic.blocks))));
    let (mut count, mut wrong) = (0, Vec::new());
    for (path, text) in texts {
        for line in command_lines(&text) {
            let line =
                line.split(" -- ").next().unwrap().split(" > ").next().unwrap().split(" | ").next().unwrap().to_owned();
            let is_pattern = line.contains("...") || line.contains('[') || line.contains('<');
            count += 1;
            if !is_pattern && !is_understood(&line) {
                wrong.push(format!("{path}: {line}"));
            }
        }
    }
    assert!(count > 60, "{count}");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_key_is_documented_with_its_flag() {
    let example = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example")).unwrap();
    let stage = TestEnv::new();
    let environment = stage.glassdome("help environment").expect(0).results;
    let help: String =
        ["setup", "test-vm"].map(|command| stage.glassdome(&format!("{command} --help")).results).concat();
    for entry in KEYS {
        assert!(example.contains(&format!("{}=", entry.variable)), "{} in .env.example", entry.variable);
        assert!(environment.contains(entry.variable), "{} in help environment", entry.variable);
        assert!(help.contains(entry.flag), "{} in help", entry.flag);
    }
}

#[test]
fn usage_errors_end_with_two_also_in_json() {
    let stage = TestEnv::new();
    stage.glassdome("setup --nonsense").expect(2);
    stage.glassdome("nonsense").expect(2);
    stage.glassdome("help nonsense").expect(2);
    stage.glassdome("help token nonsense").expect(2);
    stage.glassdome("test-vm --linked --storage local").expect(2);
    stage.glassdome("test-vm --host ftp://x").expect(2);
    stage.glassdome("test-vm --instance a/b").expect(2);
    let document = stage.glassdome("test-vm -o json --nonsense").expect(2).json();
    assert_eq!(document["schema"], "glassdome.test-vm/1");
    assert_eq!(document["ok"], false);
    assert_eq!(document["error"]["kind"], "usage");
    let refused = stage.glassdome("token create --dry-rum -o json").expect(2).json();
    let hints = refused["error"]["hints"].to_string();
    for words in ["a similar argument exists: '--dry-run'", "glassdome token create --help"] {
        assert!(hints.contains(words), "{hints}");
    }
    assert_eq!(document["error"]["exit_code"], 2);
}

#[test]
fn every_failure_that_can_be_rehearsed_is_in_the_help() {
    let help = TestEnv::new().glassdome("help sandbox").expect(0).results;
    let listed: String = KINDS_OF_FAULTS.iter().map(|(word, about)| format!("  {word}\n      {about}\n")).collect();
    assert!(help.contains(listed.trim_end()), "{listed}\n--- is not in\n{help}");
}

/// Says whether a file defines a name: a function where it ends with `()`, else a type, a variant, a constant or a table.
fn defines(text: &str, name: &str) -> bool {
    let kinds: &[&str] = if name.ends_with("()") {
        &["fn "]
    } else {
        &["struct ", "enum ", "trait ", "type ", "const ", "static ", "    "]
    };
    let bare = name.trim_end_matches("()");
    let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    kinds.iter().any(|kind| text.split(&format!("{kind}{bare}")).skip(1).any(ends))
}

/// Gives the text of a file, or of all Rust files of a folder.
fn all_text(path: &std::path::Path) -> String {
    if !path.is_dir() {
        return std::fs::read_to_string(path).unwrap_or_default();
    }
    let mut files = Vec::new();
    rust_files(path, &mut files);
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Lists what a text names in backticks that is not there: files, and what a file named before in the paragraph defines.
fn not_there(root: &std::path::Path, text: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for paragraph in text.lines() {
        let mut last: Option<(&str, String)> = None;
        for word in paragraph.split('`').skip(1).step_by(2) {
            let is_path =
                ["src/", "tests/", ".ci/", ".cargo/", ".github/"].iter().any(|folder| word.starts_with(folder));
            let is_function = word.ends_with("()");
            let is_name = word.len() > 2
                && word.starts_with(|first: char| first.is_ascii_uppercase())
                && word.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
            match &last {
                _ if is_path && !root.join(word).exists() => missing.push(word.to_owned()),
                _ if is_path => last = Some((word, all_text(&root.join(word)))),
                Some((path, file)) if (is_function || is_name) && !defines(file, word) => {
                    missing.push(format!("{word} in {path}"));
                }
                _ => {}
            }
        }
    }
    missing
}

#[test]
fn the_architecture_names_files_and_functions_that_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join(".github/ARCHITECTURE.md")).unwrap();
    let missing = not_there(root, &page);
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(page.matches("()`").count() > 50, "the walks name their functions");
    assert!(page.lines().count() < 110, "two pages");
    for wrong in
        ["`src/lib.rs`: `no_such()`", "`src/no_such.rs`", "`src/pve/task.rs`: `waits()`", "`src/lib.rs` `NoSuch`"]
    {
        assert_eq!(not_there(root, wrong).len(), 1, "{wrong}");
    }
    for part in std::fs::read_dir(root.join("src")).unwrap() {
        let path = format!("src/{}", part.unwrap().file_name().display());
        assert!(page.contains(&format!("`{path}`")), "the layers lack {path}");
    }
}

#[test]
fn the_guide_for_contributors_names_what_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (page, least) in [("CONTRIBUTING.md", 20), ("SECURITY.md", 1)] {
        let text = std::fs::read_to_string(root.join(".github").join(page)).unwrap();
        let missing = not_there(root, &text.replace("`bash ", "`"));
        assert!(missing.is_empty(), "{page}: {missing:#?}");
        let named = ["`src/", "`tests/", "`.ci/", "`.github/"].iter().map(|folder| text.matches(folder).count());
        assert!(named.sum::<usize>() >= least, "{page}");
    }
}

#[test]
fn the_changelog_tells_of_this_version() {
    let changes = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.github/CHANGELOG.md")).unwrap();
    assert!(changes.contains(concat!("\n## ", env!("CARGO_PKG_VERSION"), "\n")));
}

#[test]
fn the_topic_on_the_settings_file_lists_every_variable_that_env_prints() {
    let topic = topics::find("env-file").unwrap();
    let text_of = |name: &str| {
        let text = topic.blocks.iter().find_map(|block| match block {
            TopicBlock::Term { term, text } if term.contains(&format!("`{name}`")) => Some(text.clone()),
            _ => None,
        });
        text.unwrap_or_else(|| panic!("{name} is not explained"))
    };
    let names = |text: &str| text.split([' ', ',', ';']).map(str::to_owned).collect::<Vec<_>>();
    for entry in KEYS {
        assert!(names(&text_of("dotenv")).contains(&entry.variable.to_owned()), "{}", entry.variable);
    }
    for tool in Tool::ALL {
        let listed = names(&text_of(tool.name()));
        for variable in variables_of(tool) {
            assert!(listed.contains(&variable.to_owned()), "{variable} of {}", tool.name());
        }
    }
}
