//! The figures of `glassdome help speed` are those of the last benchmark (`cargo bench -- --save`).

use glassdome::cli::topics;
use serde_json::Value;

use crate::support::test_env::TestEnv;

/// The figures in the order of the text: the measurement, its decimal places, and its unit as it is printed.
const FIGURES: [(&str, usize, &str); 33] = [
    ("start.version", 1, "ms"),
    ("start.help", 1, "ms"),
    ("start.true", 1, "ms"),
    ("start.question", 1, "ms"),
    ("doctor.requests", 0, "requests"),
    ("doctor.processor", 1, "ms"),
    ("curl.ratio", 1, "times"),
    ("test-vm.tasks", 2, "s"),
    ("test-vm", 2, "s"),
    ("proxmoxer", 1, "s"),
    ("proxmoxer.often", 1, "s"),
    ("test-vm.memory", 0, "MiB"),
    ("memory.10000", 0, "MiB"),
    ("memory.100000", 0, "MiB"),
    ("waves.doctor", 0, "rounds"),
    ("waves.setup", 0, "rounds"),
    ("file.read", 0, "ms"),
    ("file.edit", 0, "ms"),
    ("size", 1, "MB"),
    ("batch.8.rate", 0, "per minute"),
    ("batch.8.clone", 2, "s"),
    ("batch.8.clone95", 2, "s"),
    ("batch.8.memory", 0, "MiB"),
    ("batch.64.rate", 0, "per minute"),
    ("batch.64.clone", 2, "s"),
    ("batch.64.clone95", 2, "s"),
    ("batch.64.memory", 0, "MiB"),
    ("batch.128.rate", 0, "per minute"),
    ("batch.128.clone", 2, "s"),
    ("batch.128.clone95", 2, "s"),
    ("batch.128.memory", 0, "MiB"),
    ("fresh.run", 0, "s"),
    ("fresh.test", 0, "s"),
];

/// Lists the figures of a text: every number with one of the units behind it, as printed.
fn figures_of(text: &str) -> Vec<String> {
    let words: Vec<&str> =
        text.split_whitespace().map(|word| word.trim_end_matches(['.', ',', ';', ':', ')'])).collect();
    let units: Vec<&str> = FIGURES.iter().map(|(_, _, unit)| *unit).collect();
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate().filter(|(_, word)| word.parse::<f64>().is_ok()) {
        let next = words.get(index + 1).copied().unwrap_or_default();
        let two = format!("{next} {}", words.get(index + 2).copied().unwrap_or_default());
        found.extend(units.iter().find(|unit| **unit == next || **unit == two).map(|unit| format!("{word} {unit}")));
    }
    found
}

#[test]
fn the_figures_of_help_speed_are_those_of_the_last_benchmark() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/figures.json");
    let measured: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let value = |name: &str| measured["figures"][name]["value"].as_f64().unwrap_or_else(|| panic!("{name} is missing"));
    let expected: Vec<String> =
        FIGURES.iter().map(|(name, places, unit)| format!("{:.*} {unit}", places, value(name))).collect();
    let shown = TestEnv::new().glassdome("help speed").expect(0).results;
    assert_eq!(figures_of(&shown), expected, "{shown}");
    for (name, figure) in measured["figures"].as_object().unwrap() {
        let over = figure["budget"].as_f64().filter(|budget| value(name) > *budget);
        assert_eq!(over, None, "the budget of {name}, of which {} was measured", value(name));
    }
}

#[test]
fn no_other_topic_and_not_the_readme_says_what_was_measured() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let others = topics::all().filter(|topic| topic.name != "speed").map(|topic| format!("{:?}", topic.blocks));
    for text in others.chain([readme]) {
        let figures = figures_of(&text);
        // Others are also limits, such as the size of a file.
        let is_measured =
            |figure: &&String| [" ms", " rounds", " per minute"].iter().any(|unit| figure.ends_with(unit));
        let measured: Vec<&String> = figures.iter().filter(is_measured).collect();
        assert!(measured.is_empty(), "{measured:?} in\n{text}");
    }
}
