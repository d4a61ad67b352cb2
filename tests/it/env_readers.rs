//! The editor against the four programs that read `.env` files, all of them real.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use glassdome::model::Secret;
use glassdome::settings::{AmbiguousValues, Change, EnvFile, Instance, Key, SettingsError, WritableValue};

use crate::support::skipped;

type Reading = BTreeMap<String, String>;

const CASES: usize = 1000;

/// A small generator of its own (SplitMix64), so that every run tests the same files.
struct Random(u64);

impl Random {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    /// A value out of everything that is special to some reader.
    fn value(&mut self) -> String {
        let parts = [
            "a", "Z9", "pve", "hunter2", " ", "  ", "\t", "#", " #", "$", "$a", "${", "${B}", "}", "$(x)", "`", "'",
            "\"", "\\", "\\n", "=", ";", "&", "|", "!", "~", "*", "?", "[", "]", "{", "(", ")", "<", ">", "%", "^",
            "@", ":", "/", ",", "+", "-", "ü", "日", "\u{a0}", "\u{2028}", "\u{85}", "\u{7f}", "\u{1}", "😀", "\n",
            "\r", "export ", "K=",
        ];
        (0..self.roll(7)).map(|_| self.one(&parts)).collect()
    }

    /// A line that is not ours, with every quote in it closed, and harmless to a shell.
    fn foreign_line(&mut self, index: usize) -> String {
        let name = format!("F{index}");
        let blank = self.one(&["", "", " ", "  ", "\t"]);
        match self.roll(16) {
            0 => String::new(),
            1 => format!("{blank}# it's a comment, \"half quoted"),
            2 => format!("export {name}=plain"),
            3 => format!("{blank}{name}='single # quoted $x'"),
            4 => format!("{name}=\"double # 'quoted' \""),
            5 => format!("{name}='over\nseveral\n\nlines'"),
            6 => format!("{name}=\"over\n# several ' {index}\nlines\""),
            7 => format!("{name}="),
            8 => format!("{name}=value # comment"),
            9 => format!("{name}=value #it's"),
            10 => format!("# PROXMOX_PASSWORD=commented out {index}"),
            11 => format!("{name}=a:b/c@d,e+f-g.h"),
            12 => format!("{name}='${{F0}}'"),
            13 => format!("{name}=\"a`:`b\" # c"),
            14 => format!("{name}=a\\ b"),
            _ => format!("{name}=value{index}{blank}"),
        }
    }

    /// A line of this program as a user may have written it.
    fn own_line(&mut self, name: &str) -> String {
        let start = self.one(&["", "", "", "  ", "\t", "export ", "  export\t"]);
        let sign = self.one(&["=", "=", "=", "=", " = ", "= ", " ="]);
        // `export K =v` makes a shell give up the whole file.
        let sign = if start.contains("export") { "=" } else { sign };
        let value = self.one(&[
            "",
            "old",
            "'old'",
            "\"old\"",
            "'o l d'",
            "\"it's old\"",
            "o l d",
            "o$ld",
            "'two\nlines'",
            "\"two\n'lines'\"",
            "old#",
            "`old`",
            "a\\ b",
        ]);
        let end = self.one(&["", "", "", " ", " # comment", "\t#c", "  # it is", " # it's", " #"]);
        let line =
            if self.roll(12) == 0 { format!("{start}{name}{end}") } else { format!("{start}{name}{sign}{value}{end}") };
        // Behind two blanks dotenvy sees no comment, and so the quote in it.
        line.replace("  # it's", " # it's")
    }

    fn file(&mut self) -> String {
        let mut lines = Vec::new();
        for index in 0..self.roll(9) {
            lines.push(self.foreign_line(index));
            let name = self.one(&["PROXMOX_HOST", "PROXMOX_USER", "PROXMOX_PASSWORD", "UBUNTU_2204_TEMPLATE_ID"]);
            if self.roll(3) == 0 {
                lines.push(self.own_line(name));
            }
        }
        let line_break = if self.roll(5) == 0 { "\r\n" } else { "\n" };
        let mut text = lines.join("\n");
        if line_break == "\r\n" {
            // A shell takes the `\r` behind `export K=v ` for one more name, and gives up the whole file.
            text = text.replace("export", "");
        }
        if self.roll(4) > 0 && !text.is_empty() {
            text.push('\n');
        } else {
            // A last line that ends with blanks and no line break is one that dotenvy refuses from the start.
            text.truncate(text.trim_end().len());
        }
        // A shell sees no comment behind a byte order mark, and so the quotes in it.
        let is_marked = self.roll(10) == 0 && !text.trim_start().starts_with('#');
        let mark = if is_marked { "\u{feff}" } else { "" };
        format!("{mark}{}", text.replace('\n', line_break))
    }
}

struct Case {
    name: String,
    value: String,
    before: Vec<u8>,
    after: Option<Vec<u8>>,
}

/// The classes of SPEC section 3, written down again, and independently.
fn is_listed(value: &str) -> bool {
    let has_variable = (0..value.len()).filter(|at| value.is_char_boundary(*at)).any(|at| {
        value[at..].strip_prefix("${").and_then(|rest| rest.split_once('}')).is_some_and(|(inner, _)| {
            let name = inner.split(':').next().unwrap_or_default();
            name == inner || inner[name.len()..].starts_with(":-")
        })
    });
    value.contains(['\n', '\r'])
        || has_variable
        || value.contains("\\\\")
        || value.ends_with('\\')
        || (value.contains('\'') && value.chars().any(|it| "\"$\\`".contains(it)))
}

fn edit(before: &[u8], key: Key, value: &str) -> Result<Vec<u8>, SettingsError> {
    let change = Change::Set(key, WritableValue::Password(Secret::new(value.to_owned())));
    let file = EnvFile::new(before.to_vec());
    file.edit(&Instance::default(), &[change], AmbiguousValues::Withheld, &|_| None)
        .map(|edited| edited.file.bytes().to_vec())
}

fn cases() -> Vec<Case> {
    let mut random = Random(2026);
    let keys = [Key::Password, Key::Password, Key::Host, Key::User, Key::Node, Key::Ubuntu2204Template];
    (0..CASES)
        .map(|number| {
            let (before, value) = (random.file().into_bytes(), random.value());
            let key = keys[random.roll(keys.len())];
            let after = match edit(&before, key, &value) {
                Ok(after) => {
                    assert!(!is_listed(&value) || after == before, "case {number}: {value:?} should have been refused");
                    Some(after)
                }
                Err(SettingsError::Unwritable { .. }) => {
                    assert!(is_listed(&value), "case {number}: {value:?} should not have been refused");
                    None
                }
                Err(why) => panic!("case {number}: {why}\n{}", String::from_utf8_lossy(&before)),
            };
            Case { name: key.variable(&Instance::default()), value, before, after }
        })
        .collect()
}

/// Where Node's dotenv is installed; `.ci/install` puts it there.
fn node_modules() -> PathBuf {
    std::env::var_os("GLASSDOME_TEST_NODE_MODULES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-node/node_modules"), PathBuf::from)
}

fn is_there(program: &str, arguments: &[&str]) -> bool {
    let tried = Command::new(program).args(arguments).env("NODE_PATH", node_modules()).output();
    let found = tried.is_ok_and(|output| output.status.success());
    if !found {
        skipped(&format!("`{program} {}` fails; run .ci/install", arguments.join(" ")));
    }
    found
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn readings(json: &str) -> Vec<Reading> {
    json.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read_with_python(folder: &Path, count: usize) -> Vec<Reading> {
    let script = "
import json, sys, logging
import dotenv
logging.disable(logging.CRITICAL)
for number in range(int(sys.argv[1])):
    values = dotenv.dotenv_values(str(number))
    print(json.dumps({name: value for name, value in values.items() if value is not None}))
";
    // Python needs its own variables to be found where a version manager put it; the files never refer to them.
    readings(&run(Command::new("python3").args(["-c", script, &count.to_string()]).current_dir(folder)))
}

fn read_with_node(folder: &Path, count: usize) -> Vec<Reading> {
    let script = "
const dotenv = require('dotenv'), fs = require('fs');
for (let number = 0; number < Number(process.argv[1]); number++)
    console.log(JSON.stringify(dotenv.parse(fs.readFileSync(String(number)))));
";
    let mut node = Command::new("node");
    node.args(["-e", script, &count.to_string()]).current_dir(folder).env("NODE_PATH", node_modules());
    readings(&run(&mut node))
}

/// Sources every file in a subshell of one shell that finds no program, and takes down what is set then.
fn read_with_sh(folder: &Path, count: usize) -> Vec<Reading> {
    let mut script = "PATH=/nonexistent\n".to_owned();
    let names: Vec<String> = (0..9).map(|index| format!("F{index}")).chain(OURS.map(str::to_owned)).collect();
    for number in 0..count {
        writeln!(script, "(\n. ./{number} >/dev/null 2>&1").unwrap();
        for name in &names {
            writeln!(script, "printf '%s\\001%s\\002' {name} \"${{{name}-\u{3}}}\"").unwrap();
        }
        writeln!(script, ")\nprintf '\\004'").unwrap();
    }
    std::fs::write(folder.join("script"), script).unwrap();
    let output = run(Command::new("/bin/sh").arg("script").env_clear().current_dir(folder));
    let mut found: Vec<Reading> = Vec::new();
    for chunk in output.split_terminator('\u{4}') {
        let pairs = chunk.split_terminator('\u{2}').map(|pair| pair.split_once('\u{1}').unwrap());
        // To a shell the `\r` of a Windows line break belongs to the value, of every line of such a file.
        let set = pairs.filter(|(_, value)| *value != "\u{3}");
        found.push(set.map(|(name, value)| (name.to_owned(), value.trim_end_matches('\r').to_owned())).collect());
    }
    found
}

const OURS: [&str; 5] = ["PROXMOX_HOST", "PROXMOX_USER", "PROXMOX_PASSWORD", "PROXMOX_NODE", "UBUNTU_2204_TEMPLATE_ID"];

fn read_with_dotenvy(folder: &Path, count: usize) -> Vec<Reading> {
    let read = |number: usize| {
        let bytes = std::fs::read(folder.join(number.to_string())).unwrap();
        dotenvy::from_read_iter(bytes.as_slice()).flatten().collect()
    };
    (0..count).map(read).collect()
}

#[test]
fn what_was_written_is_read_alike_by_all_and_nothing_else_changes() {
    if !is_there("python3", &["-c", "import dotenv"]) || !is_there("node", &["-e", "require('dotenv')"]) {
        return;
    }
    let cases: Vec<Case> = cases();
    let written: Vec<&Case> = cases.iter().filter(|case| case.after.is_some()).collect();
    assert!(written.len() > CASES / 2, "only {} of {CASES} values were written", written.len());
    let folder = tempfile::tempdir().unwrap();
    for (number, case) in written.iter().enumerate() {
        std::fs::write(folder.path().join((2 * number).to_string()), &case.before).unwrap();
        std::fs::write(folder.path().join((2 * number + 1).to_string()), case.after.as_ref().unwrap()).unwrap();
    }
    let count = written.len() * 2;
    type Read = fn(&Path, usize) -> Vec<Reading>;
    let readers: [(&str, Read); 4] = [
        ("python-dotenv", read_with_python),
        ("Node's dotenv", read_with_node),
        ("sh", read_with_sh),
        ("dotenvy", read_with_dotenvy),
    ];
    for (reader, read) in readers {
        let readings = read(folder.path(), count);
        assert_eq!(readings.len(), count, "{reader}");
        for (pair, case) in readings.chunks(2).zip(&written) {
            compare(reader, &pair[0], &pair[1], case);
        }
    }
    eprintln!("{} files written and read by four readers, {} values refused", written.len(), CASES - written.len());
}

fn compare(reader: &str, before: &Reading, after: &Reading, case: &Case) {
    let story = || {
        let after = case.after.as_ref().unwrap();
        let texts = (String::from_utf8_lossy(&case.before), String::from_utf8_lossy(after));
        format!("{reader}, {}={:?}\nbefore {:?}\nafter  {:?}", case.name, case.value, texts.0, texts.1)
    };
    if case.after.as_ref() != Some(&case.before) {
        assert_eq!(after.get(&case.name), Some(&case.value), "{}", story());
    }
    // Python sees the first line of a file with a byte order mark under a name that has the mark in it.
    let others = |reading: &Reading| -> Reading {
        let is_other = |name: &str| name.trim_start_matches('\u{feff}') != case.name && name != "\u{feff}";
        reading.iter().filter(|(name, _)| is_other(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let (mut before, mut after) = (others(before), others(after));
    // A line of ours that swallowed its neighbours in some reader frees them when it is patched.
    if reader != "python-dotenv" {
        after.retain(|name, _| before.contains_key(name));
    }
    before.retain(|_, value| !value.contains('\u{0}'));
    assert_eq!(before, after, "{}", story());
}

/// Files that should not exist: open quotes, stray signs, half lines.
fn junk(random: &mut Random) -> String {
    let parts = [
        "A",
        "B",
        "PROXMOX_HOST",
        "PROXMOX_PASSWORD",
        "=",
        "=",
        "=",
        "'",
        "\"",
        "`",
        "\\",
        "\\'",
        "\\\"",
        "#",
        " #",
        " ",
        "\t",
        "export ",
        "x",
        "${A}",
        "${B:-d}",
        "$A",
        "${",
        "}",
        "\n",
        "\n",
        "\n",
        "\r\n",
        "\u{a0}",
        "\u{85}",
        "\u{1f}",
        "\\n",
        ":",
        "\u{feff}",
        "ü",
    ];
    (0..random.roll(40)).map(|_| random.one(&parts)).collect()
}

#[test]
fn any_file_is_read_as_python_dotenv_reads_it() {
    if !is_there("python3", &["-c", "import dotenv"]) {
        return;
    }
    let mut random = Random(7);
    let texts: Vec<String> = (0..2 * CASES).map(|_| junk(&mut random)).collect();
    let folder = tempfile::tempdir().unwrap();
    for (number, text) in texts.iter().enumerate() {
        std::fs::write(folder.path().join(number.to_string()), text).unwrap();
    }
    for (text, expected) in texts.iter().zip(read_with_python(folder.path(), texts.len())) {
        let values = EnvFile::new(text.clone().into_bytes()).values(&|_| None);
        let read: Reading =
            values.into_iter().filter_map(|(name, located)| Some((name, located.text?.expose().to_owned()))).collect();
        assert_eq!(read, expected, "{text:?}");
    }
}

#[test]
fn whatever_stands_in_the_file_python_and_node_read_what_was_written_and_the_rest_as_before() {
    if !is_there("python3", &["-c", "import dotenv"]) || !is_there("node", &["-e", "require('dotenv')"]) {
        return;
    }
    let mut random = Random(11);
    let folder = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    let mut refused = 0;
    for _ in 0..CASES {
        let (before, value) = (junk(&mut random).into_bytes(), random.value());
        let change = Change::Set(Key::Password, WritableValue::Password(Secret::new(value.clone())));
        let file = EnvFile::new(before.clone());
        match file.edit(&Instance::default(), &[change], AmbiguousValues::Allow, &|_| None) {
            Ok(edited) => {
                std::fs::write(folder.path().join((2 * written.len()).to_string()), &before).unwrap();
                let name = "PROXMOX_PASSWORD".to_owned();
                let is_plain = !is_listed(&value) && edited.warnings.is_empty();
                std::fs::write(folder.path().join((2 * written.len() + 1).to_string()), edited.file.bytes()).unwrap();
                written.push((is_plain, Case { name, value, before, after: Some(edited.file.bytes().to_vec()) }));
            }
            Err(SettingsError::WouldReadDifferently { .. } | SettingsError::Unwritable { .. }) => refused += 1,
            Err(why) => panic!("{why}"),
        }
    }
    type Read = fn(&Path, usize) -> Vec<Reading>;
    let readers: [(&str, Read); 2] = [("python-dotenv", read_with_python), ("Node's dotenv", read_with_node)];
    for (reader, read) in readers {
        for (pair, (is_plain, case)) in read(folder.path(), written.len() * 2).chunks(2).zip(&written) {
            let is_ours = |name: &&String| name.trim_start_matches('\u{feff}') != case.name;
            let story = format!("{reader}: {:?} in {:?}", case.value, String::from_utf8_lossy(&case.before));
            if *is_plain || (reader == "python-dotenv" && !case.value.contains(['\n', '\r', '\0'])) {
                assert_eq!(pair[1].get(&case.name), Some(&case.value), "{story}");
            }
            for name in pair[0].keys().filter(is_ours).filter(|name| *name != "\u{feff}") {
                assert_eq!(pair[1].get(name), pair[0].get(name), "{name}, {story}");
            }
        }
    }
    eprintln!("{} written, {refused} refused", written.len());
}
