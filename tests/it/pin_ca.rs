//! From a new certificate to the cluster's own CA, and what a renewal does to either.

use glassdome::model::Fingerprint;
use glassdome::sandbox::{Flaw, Sandbox};

use crate::support::test_env::{Outcome, TestEnv, mode, quick};

/// Runs set-up against a certificate that is not known yet.
fn set_up(stage: &TestEnv, sandbox: &Sandbox, more: &str) -> Outcome {
    let (user, _, secret) = sandbox.default_token();
    stage.write("secret.txt", secret);
    let (host, words) = (sandbox.address(), "setup --no-input --skip-test-vm -o json --token-value-file secret.txt");
    stage.glassdome(&format!("{words} --host {host} --user {user} {more}"))
}

fn pinned(bytes: [u8; 32]) -> String {
    Fingerprint::new(bytes).to_string()
}

#[test]
fn a_new_certificate_leads_to_the_clusters_ca_which_outlives_it() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let outcome = set_up(&stage, &sandbox, "--accept-new-certificate").expect(0);
    assert_eq!(outcome.json()["trust"], "ca");
    assert_eq!(stage.read("proxmox-ca.pem"), sandbox.ca_pem());
    assert_eq!(mode(&stage.path("proxmox-ca.pem")), 0o644);
    let file = stage.read(".env");
    assert!(file.contains("PROXMOX_CA_FILE=proxmox-ca.pem\n"), "{file}");
    assert!(file.contains("PROXMOX_VERIFY_SSL=false\n") && !file.contains("FINGERPRINT"), "{file}");
    sandbox.renew_certificate(Flaw::None).unwrap();
    stage.glassdome("test-vm").expect(0);
    // Once more changes nothing.
    set_up(&stage, &sandbox, "--accept-new-certificate").expect(0);
    assert_eq!(stage.read(".env"), file);
}

#[test]
fn a_pinned_leaf_does_not_outlive_its_renewal_and_the_way_on_is_named() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let outcome = set_up(&stage, &sandbox, "--accept-new-certificate --pin leaf").expect(0);
    assert_eq!(outcome.json()["trust"], "pin");
    assert!(!stage.path("proxmox-ca.pem").exists());
    let old = pinned(sandbox.fingerprint());
    assert!(stage.read(".env").contains(&format!("PROXMOX_FINGERPRINT={old}\n")));
    let new = pinned(sandbox.renew_certificate(Flaw::None).unwrap());
    let again = format!("glassdome setup --fingerprint {new} --pin ca");
    stage.glassdome("test-vm").expect(5).says(&old).says(&new).says("pvenode cert info").says(&again);
    stage.glassdome(&format!("{} --no-input --skip-test-vm", again.trim_start_matches("glassdome "))).expect(0);
    let file = stage.read(".env");
    assert!(file.contains("PROXMOX_CA_FILE=proxmox-ca.pem\n") && !file.contains("FINGERPRINT"), "{file}");
    stage.glassdome("test-vm").expect(0);
}

#[test]
fn a_pin_of_an_earlier_run_becomes_the_ca_by_one_flag() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    set_up(&stage, &sandbox, &format!("--fingerprint {}", pinned(sandbox.fingerprint()))).expect(0);
    assert!(stage.read(".env").contains("PROXMOX_FINGERPRINT="));
    stage.glassdome("setup --no-input --skip-test-vm --pin ca").expect(0).says("it replaces the pinned certificate");
    assert!(!stage.read(".env").contains("PROXMOX_FINGERPRINT="));
    stage.glassdome("setup --no-input --skip-test-vm --pin leaf").expect(2).says("--accept-new-certificate");
}

#[test]
fn a_certificate_that_the_ca_has_not_signed_is_pinned_and_said_to_be() {
    let sandbox = Sandbox::start(quick()).unwrap();
    for (flaw, words) in [(Flaw::Foreign, "custom or ACME certificate"), (Flaw::WrongName, "other.sandbox.invalid")] {
        sandbox.renew_certificate(flaw).unwrap();
        let stage = TestEnv::new();
        set_up(&stage, &sandbox, "--accept-new-certificate --pin ca").expect(5).says(words).says("--pin leaf");
        assert!(!stage.path(".env").exists() && !stage.path("proxmox-ca.pem").exists());
        let outcome = set_up(&stage, &sandbox, "--accept-new-certificate").expect(0).says(words);
        assert_eq!(outcome.json()["trust"], "pin");
        assert!(!stage.path("proxmox-ca.pem").exists());
        stage.glassdome("test-vm").expect(0);
    }
}

#[test]
fn a_certificate_that_ends_soon_is_reported() {
    let sandbox = Sandbox::start(quick()).unwrap();
    sandbox.renew_certificate(Flaw::Expiring).unwrap();
    for (pin, words) in [("ca", "Proxmox VE renews"), ("leaf", "--pin ca")] {
        let outcome = set_up(&TestEnv::new(), &sandbox, &format!("--accept-new-certificate --pin {pin}")).expect(0);
        let warnings = outcome.json()["warnings"].to_string();
        assert!(warnings.contains("expires on") && warnings.contains(words), "{warnings}");
    }
}

#[test]
fn the_file_of_another_authority_is_replaced_only_with_a_flag() {
    let (sandbox, other) = (Sandbox::start(quick()).unwrap(), Sandbox::start(quick()).unwrap());
    let stage = TestEnv::new();
    stage.write("proxmox-ca.pem", other.ca_pem());
    set_up(&stage, &sandbox, "--accept-new-certificate")
        .expect(3)
        .says("proxmox-ca.pem contains a certificate other than the CA");
    assert_eq!(stage.read("proxmox-ca.pem"), other.ca_pem());
    assert!(!stage.path(".env").exists());
    set_up(&stage, &sandbox, "--accept-new-certificate --instance 02").expect(0);
    assert!(stage.read(".env").contains("PROXMOX_02_CA_FILE=proxmox-ca-02.pem\n"));
    set_up(&stage, &sandbox, "--accept-new-certificate --yes").expect(0);
    assert_eq!(stage.read("proxmox-ca.pem"), sandbox.ca_pem());
}

#[test]
fn a_dry_run_fetches_the_ca_and_writes_nothing() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    set_up(&stage, &sandbox, "--accept-new-certificate --dry-run").expect(0).says("+PROXMOX_CA_FILE=proxmox-ca.pem");
    assert!(!stage.path(".env").exists() && !stage.path("proxmox-ca.pem").exists());
    // Nor is anything written when the checks fail.
    stage.write("secret.txt", "00000000-1111-2222-3333-555555555555");
    let line = format!("setup --no-input --host {} --user apex@pve --token-name powerless", sandbox.address());
    stage.glassdome(&format!("{line} --token-value-file secret.txt --accept-new-certificate")).expect(7);
    assert!(!stage.path(".env").exists() && !stage.path("proxmox-ca.pem").exists());
}
