//! What answers, who asks, and what they may do.

use super::{leaf, read, refused, screen};
use crate::error::{AuthError, ConnectionError, Error, Operation, PermissionError};
use crate::model::Foreign;
use crate::pve::privileges::{Caller, LikelyCause, MissingPrivileges, RequirementPath};
use crate::pve::{ApiError, UntrustedCause};
use crate::settings::{Source, Sourced};

fn facts() -> Vec<String> {
    let leaf = leaf();
    vec![
        format!("issued by    {}", leaf.issuer),
        format!("valid        {} to {}", leaf.not_before.date(), leaf.not_after.date()),
        format!("fingerprint  {}", leaf.fingerprint),
    ]
}

fn untrusted() -> ApiError {
    let cause = UntrustedCause::NotInSystem(leaf().issuer);
    ApiError::CertificateUntrusted { server: "pve.lan:8006".to_owned(), cause, leaf: Box::new(leaf()) }
}

#[test]
fn connection() {
    let fingerprint = leaf().fingerprint.to_string();
    let stored = Source::File { path: ".env".into(), line: 7, name: "PROXMOX_CA_FILE".to_owned() };
    let seen = |source| match Error::connecting(&read("pve.lan"), source) {
        Error::Connection(error) => error,
        other => panic!("{other}"),
    };
    let text = screens! { ConnectionError, screen;
        NotProxmox => seen(ApiError::Gateway {
                server: "pve.lan:8006".to_owned(),
                method: "GET".to_owned(),
                status: 404,
                phrase: Foreign::new("Not Found"),
            }),
            seen(ApiError::Redirect {
                server: "pve.lan:8006".to_owned(),
                status: 302,
                phrase: Foreign::new("Found"),
                to: Some(Foreign::new("https://login.lan/")),
            });
        Untrusted => ConnectionError::Untrusted {
            server: "pve.lan:8006".to_owned(),
            facts: facts(),
            fingerprint: fingerprint.clone(),
            source: untrusted(),
        };
        NotFromStoredCa => ConnectionError::NotFromStoredCa {
            server: "pve.lan:8006".to_owned(),
            stored: Box::new(Sourced { value: "proxmox-ca.pem".into(), source: stored }),
            facts: facts(),
            fingerprint,
            source: untrusted(),
        };
    };
    insta::assert_snapshot!(text);
}

fn token() -> Caller {
    Caller::Token(read("apex@pve!glassdome-token"), None)
}

#[test]
fn authentication() {
    let no = |caller: Caller, realms: Option<&str>, sentence: &str| AuthError::Unauthenticated {
        caller,
        realms: realms.map(|it| it.split(' ').map(str::to_owned).collect()),
        source: refused(401, sentence),
    };
    let held_back = AuthError::Unauthenticated {
        caller: token(),
        realms: None,
        source: ApiError::Refusal(crate::pve::Refusal {
            took: std::time::Duration::from_secs(3),
            ..crate::pve::Refusal::new(401, Foreign::new("invalid token value!"))
        }),
    };
    let text = screens! { AuthError, screen;
        Unauthenticated => no(token(), Some("pam pve"), "Authentication failed!"),
            no(Caller::User(read("apex@pve")), None, "authentication failure"),
            no(token(), None, "No ticket"),
            no(token(), None, "no such user ('apex@pve')"),
            no(token(), None, "user 'apex@pve' is disabled"),
            no(token(), None, "user 'apex@pve' access expired"),
            no(token(), None, "no such token 'glassdome-token' for user 'apex@pve'"),
            no(token(), None, "token 'glassdome-token' access expired"),
            held_back,
            no(token(), None, "Unauthorized");
        UnknownRealm => AuthError::UnknownRealm {
            user: read("apex@pev"),
            realms: vec!["pam".to_owned(), "pve".to_owned()],
        };
    };
    let log_in = |operation, sentence| screen(Error::server(operation, refused(401, sentence)));
    let user = || "root@pam".to_owned();
    let texts = [
        text,
        log_in(Operation::LogIn(user()), "authentication failure"),
        log_in(Operation::AnswerChallenge(user()), "authentication failure"),
        log_in(Operation::Authenticate("pve.lan:8006".to_owned()), "Authentication failed!"),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}

fn missing(path: RequirementPath, privileges: &str) -> MissingPrivileges {
    let missing = privileges.split(' ').map(read).collect();
    MissingPrivileges { path, missing, purposes: Default::default() }
}

fn denied(caller: Caller, cause: LikelyCause, missing: Vec<MissingPrivileges>) -> PermissionError {
    let node_drives = vec!["ide2".to_owned()];
    PermissionError::Privileges {
        caller: Box::new(caller),
        template: read("9000"),
        missing,
        cause: Box::new(cause),
        node_drives,
        said: None,
    }
}

fn all_missing() -> Vec<MissingPrivileges> {
    vec![
        missing(RequirementPath::At(read("/vms/9000")), "VM.Clone VM.Audit"),
        missing(RequirementPath::NewVm(read("100")), "VM.Allocate VM.PowerMgmt VM.Config.Options VM.Audit"),
        missing(RequirementPath::At(read("/storage/local-lvm")), "Datastore.AllocateSpace"),
        missing(RequirementPath::At(read("/sdn/zones/localnetwork/vmbr0")), "SDN.Use"),
        missing(RequirementPath::Below(read("/sdn/zones/localnetwork/vmbr1")), "SDN.Use"),
    ]
}

#[test]
fn permission() {
    let user = || read("apex@pve");
    let of_drive = || vec![missing(RequirementPath::At(read("/")), "Sys.Console")];
    let of_agent = || vec![missing(RequirementPath::NewVm(read("100")), "VM.Monitor")];
    let replaced = LikelyCause::Replaced { path: read("/vms/9000"), from: read("/vms") };
    let refused = PermissionError::Privileges {
        caller: Box::new(token()),
        template: read("9000"),
        missing: all_missing(),
        cause: Box::new(LikelyCause::SeparationLikely),
        node_drives: Vec::new(),
        said: Some(Foreign::new("Permission check failed (/vms/9000, VM.Clone)")),
    };
    let text = screens! { PermissionError, screen;
        NoTemplateVisible => PermissionError::NoTemplateVisible { who: "apex@pve!glassdome-token".to_owned() };
        Privileges => denied(token(), LikelyCause::SeparationLikely, all_missing()),
            denied(token(), LikelyCause::Separation, all_missing().split_off(3)),
            denied(token(), LikelyCause::Unknown(user()), all_missing()),
            denied(token(), LikelyCause::UserLacks(user()), of_agent()),
            denied(token(), replaced, all_missing()),
            denied(token(), LikelyCause::UserLacks(user()), of_drive()),
            denied(Caller::User(user()), LikelyCause::NotGranted, all_missing()),
            refused;
    };
    // Said in words, and not as a wall: twelve lines at most.
    for screen in text.split("# Privileges\n").skip(1) {
        assert!(screen.trim_end().lines().count() <= 12, "{screen}");
    }
    insta::assert_snapshot!(text);
}
