//! Every cause for which a certificate is not accepted is told as what it is, on certificates that OpenSSL makes.

use glassdome::pve::{ApiError, CaBundle, Limits, Proxies, Pve, Sizes, Trust, probe};

use crate::client::patient;
use crate::support::openssl::{CertificateFolder, P256, SServer};

const LOCAL: &str = "subjectAltName=IP:127.0.0.1,DNS:localhost";
const CA: &[&str] = &["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"];

fn limits() -> Limits {
    Limits { size: Sizes::all(1 << 20), ..patient() }
}

/// Calls a server, and gives why its certificate is not accepted; nothing where it is.
async fn refused(server: &SServer, trust: &Trust) -> Option<String> {
    let pve = Pve::new(server.endpoint.clone(), trust, limits(), &Proxies::none()).unwrap();
    match pve.version().await.unwrap_err() {
        // A request got through: it is answered by a page.
        ApiError::NotUnderstood { .. } => None,
        ApiError::CertificateKeyMismatch { .. } => panic!("a false alarm"),
        why if why.is_of_tls() => Some(why.to_string()),
        why => panic!("{why:?}"),
    }
}

fn file(folder: &CertificateFolder, name: &str) -> Trust {
    Trust::Ca(CaBundle::from_pem(&folder.read(name)).unwrap())
}

fn holds(output: Option<&str>, words: &str) {
    match output {
        Some(output) => assert!(!words.is_empty() && output.contains(words), "{words:?} is not in {output:?}"),
        None => assert_eq!(words, "", "it is accepted"),
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_verified_is_named_and_no_attack() {
    let Some(folder) = CertificateFolder::open() else { return };
    for (name, kind, words) in [
        ("small", "RSA rsa_keygen_bits:1024", "an RSA key of 1024 bits"),
        ("usual", "RSA rsa_keygen_bits:2048", ""),
        // Of several primes, which are found sooner.
        ("large", "RSA rsa_keygen_bits:9216 rsa_keygen_primes:5", "an RSA key of 9216 bits"),
        ("p256", P256, ""),
        ("p384", "EC ec_paramgen_curve:P-384", ""),
        ("p521", "EC ec_paramgen_curve:P-521", "a P-521 key"),
        ("ed25519", "ED25519", ""),
        ("ed448", "ED448", "an Ed448 key"),
        ("pss", "RSA-PSS rsa_keygen_bits:2048", "an RSA-PSS key"),
    ] {
        folder.self_signed(name, kind, &[LOCAL]);
        for versions in ["-tls1_2", "-tls1_3"] {
            // Under TLS 1.2 a certificate is shown only to a client that uses its curve for the key exchange, too.
            let words = if (name, versions) == ("p521", "-tls1_2") { "HandshakeFailure" } else { words };
            let server = folder.serve(name, versions);
            holds(refused(&server, &Trust::Unverified).await.as_deref(), words);
            holds(refused(&server, &file(&folder, &format!("{name}.pem"))).await.as_deref(), words);
            match probe(&server.endpoint, limits(), &Proxies::none()).await {
                Ok(probed) => {
                    holds(refused(&server, &Trust::Pinned(probed.leaf.fingerprint.into())).await.as_deref(), words)
                }
                Err(why) => holds(Some(&why.to_string()), words),
            }
        }
    }
}

/// An extension that nothing knows and that must be understood.
const CRITICAL: &str = "1.3.6.1.4.1.55555.1=critical,ASN1:UTF8String:x";

#[tokio::test]
async fn every_cause_has_its_own_words() {
    let Some(folder) = CertificateFolder::open() else { return };
    folder.self_signed("home", P256, &["basicConstraints=critical,CA:TRUE"]);
    folder.self_signed("other", P256, &["basicConstraints=critical,CA:TRUE"]);
    folder.self_signed("small", "RSA rsa_keygen_bits:1024", &["basicConstraints=critical,CA:TRUE"]);
    folder.signed("between", "home", (CA, ""));
    let narrow = [CA, &["nameConstraints=critical,permitted;DNS:example.org,permitted;IP:10.0.0.0/255.0.0.0"]].concat();
    folder.signed("narrow", "home", (&narrow, ""));
    let client = "extendedKeyUsage=clientAuth";
    for (name, issuer, extensions, options, words) in [
        ("good", "home", &[LOCAL][..], "", ""),
        ("version1", "home", &[], "", "version 1 certificate"),
        ("client", "home", &[LOCAL, client], "", "its extended key usage does not allow server authentication"),
        ("critical", "home", &[LOCAL, CRITICAL], "", "it has a critical extension that is not supported"),
        ("sha1", "home", &[LOCAL], "-sha1", "it is signed with SHA-1"),
        (
            "nameless",
            "home",
            &["basicConstraints=CA:FALSE"],
            "",
            ": it contains no names (no subject alternative name)",
        ),
        ("dns", "home", &["subjectAltName=DNS:127.0.0.1"], "", "it contains 127.0.0.1 as a DNS name"),
        ("mixed", "home", &["subjectAltName=DNS:127.0.0.1,DNS:pve.lan"], "", ": pve.lan; it contains 127.0.0.1"),
        (
            "ca",
            "home",
            &[LOCAL, "basicConstraints=critical,CA:TRUE"],
            "",
            "it is a CA certificate, not a server certificate",
        ),
        (
            "below",
            "between",
            &[LOCAL],
            "",
            "its issuer, CN=between, is not in the CA file (it contains: CN=home); if the issuer is an intermediate CA",
        ),
        ("foreign", "other", &[LOCAL], "", "its issuer, CN=other, is not in the CA file (it contains: CN=home)"),
    ] {
        folder.signed(name, issuer, (extensions, options));
        let output = refused(&folder.serve(name, ""), &file(&folder, "home.pem")).await;
        holds(output.as_deref(), words);
    }
    // The chain is sent, and what is in it decides.
    for (name, issuer, words) in [("chained", "between", ""), ("outside", "narrow", "name constraints")] {
        folder.signed(name, issuer, (&[LOCAL], ""));
        let server = folder.serve(name, &format!("-cert_chain {issuer}.pem"));
        holds(refused(&server, &file(&folder, "home.pem")).await.as_deref(), words);
    }
    folder.signed("weak", "small", (&[LOCAL], ""));
    let output = refused(&folder.serve("weak", ""), &file(&folder, "small.pem")).await;
    holds(output.as_deref(), "the key of its CA cannot be used: it has an RSA key of 1024 bits");
    // A pin asks for the key alone.
    for name in ["version1", "client", "sha1", "nameless", "ca"] {
        let server = folder.serve(name, "");
        let leaf = probe(&server.endpoint, limits(), &Proxies::none()).await.unwrap().leaf;
        for trust in [Trust::Pinned(leaf.fingerprint.into()), Trust::Unverified] {
            holds(refused(&server, &trust).await.as_deref(), "");
        }
    }
}

#[tokio::test]
async fn another_ca_of_the_same_name_is_named_as_such() {
    let Some(folder) = CertificateFolder::open() else { return };
    folder.self_signed("home", P256, &["basicConstraints=critical,CA:TRUE"]);
    folder.signed("leaf", "home", (&[LOCAL], ""));
    folder.self_signed("home", P256, &["basicConstraints=critical,CA:TRUE"]);
    let output = refused(&folder.serve("leaf", ""), &file(&folder, "home.pem")).await;
    holds(output.as_deref(), "it was signed by a CA with the same name but a different key: CN=home");
}

#[tokio::test]
async fn a_ca_file_that_holds_the_very_certificate_is_a_pin() {
    let Some(folder) = CertificateFolder::open() else { return };
    for is_ca in ["TRUE", "FALSE"] {
        let constraints = format!("basicConstraints=critical,CA:{is_ca}");
        for (name, names) in [("local", LOCAL), ("elsewhere", "subjectAltName=DNS:pve.lan")] {
            folder.self_signed(name, P256, &[&constraints, names]);
            holds(refused(&folder.serve(name, ""), &file(&folder, &format!("{name}.pem"))).await.as_deref(), "");
        }
        // It vouches for no other.
        folder.self_signed("another", P256, &[&constraints, LOCAL]);
        let output = refused(&folder.serve("another", ""), &file(&folder, "local.pem")).await;
        holds(output.as_deref(), "it is self-signed");
        folder.signed("below", "local", (&[LOCAL, "basicConstraints=CA:FALSE"], ""));
        let output = refused(&folder.serve("below", ""), &file(&folder, "local.pem")).await;
        holds(output.as_deref(), if is_ca == "TRUE" { "" } else { "its issuer, CN=local, is not in the CA file" });
    }
    // Before version 3 no certificate said that it is that of an authority.
    folder.key("old", P256);
    folder.openssl("req -new -key old.key -out old.csr -subj /CN=old");
    folder.openssl("x509 -req -in old.csr -signkey old.key -days 30 -out old.pem");
    folder.signed("young", "old", (&[LOCAL], ""));
    holds(refused(&folder.serve("young", ""), &file(&folder, "old.pem")).await.as_deref(), "");
    holds(refused(&folder.serve("old", ""), &file(&folder, "old.pem")).await.as_deref(), "");
}

#[test]
fn a_ca_file_in_another_form_is_named() {
    let Some(folder) = CertificateFolder::open() else { return };
    folder.self_signed("home", P256, &["basicConstraints=critical,CA:TRUE"]);
    folder.openssl("x509 -in home.pem -outform DER -out home.der");
    folder.openssl("crl2pkcs7 -nocrl -certfile home.pem -out home.p7b");
    folder.openssl("crl2pkcs7 -nocrl -certfile home.pem -outform DER -out home.p7c");
    folder.openssl("pkcs12 -export -in home.pem -inkey home.key -passout pass:x -out home.p12");
    let pem = folder.read("home.pem");
    let utf_16: Vec<u8> = [0xff, 0xfe].into_iter().chain(pem.iter().flat_map(|byte| [*byte, 0])).collect();
    for (bytes, words) in [
        (folder.read("home.der"), "it is in DER form"),
        (folder.read("home.p7b"), "it is in PKCS#7 form"),
        (folder.read("home.p7c"), "it is in PKCS#7 form"),
        (folder.read("home.p12"), "PKCS#12"),
        (folder.read("home.key"), "it contains a key, not a certificate"),
        (utf_16, "it is in UTF-16"),
    ] {
        let refused = CaBundle::from_pem(&bytes).unwrap_err().to_string();
        assert!(refused.contains(words), "{words}: {refused}");
    }
    CaBundle::from_pem(&[b"\xef\xbb\xbf".as_slice(), &pem].concat()).unwrap();
}
