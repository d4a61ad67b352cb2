//! Trust and tokens.

use super::{line, read, refused, screen};
use crate::error::{AccessChange, Error, KeptObject, Leftovers, Operation, Regeneration, TokenError};
use crate::model::{Foreign, TokenId};
use crate::pve::privileges::GrantRefused;

const PVEUM: &str = "pveum user token add apex@pve glassdome-token --privsep 0";

fn replacing() -> AccessChange {
    AccessChange {
        what: "replace the secret of the token apex@pve!glassdome-token".to_owned(),
        line: "pveum user token modify apex@pve glassdome-token --regenerate 1".to_owned(),
        takes: "User.Modify on /access/groups, or the login of apex@pve".to_owned(),
    }
}

fn token() -> TokenId {
    read("apex@pve!glassdome-token")
}

fn grant_refused(who: &str) -> Vec<GrantRefused> {
    let (who, path) = (|| Foreign::new(who), || "/vms".to_owned());
    vec![
        GrantRefused::DeniedByNoAccess { who: who(), path: path() },
        GrantRefused::Unseen { who: who(), path: path() },
        GrantRefused::WouldLose { who: who(), path: path(), lost: "VM.Backup".to_owned() },
        GrantRefused::OutOfReach { who: who(), path: path(), missing: "VM.Clone".to_owned() },
        GrantRefused::Unnameable { who: who() },
    ]
}

fn left_on_server() -> TokenError {
    let failed = Error::server(Operation::ChangeAccess(replacing()), refused(500, "got timeout"));
    let kept = KeptObject { object: "user apex@pve".to_owned(), reason: "it has other tokens now".to_owned() };
    let left = Leftovers {
        lines: vec!["pveum user token delete apex@pve glassdome-token".to_owned()],
        revoke: vec!["pveum user token remove 'apex@pve' glassdome-token-1".to_owned()],
        kept: vec![kept],
        new_secret_command: Some("glassdome token rotate --login-user root@pam".to_owned()),
    };
    TokenError::LeftOnServer { why: Box::new(failed), left }
}

#[test]
fn refused_grants() {
    let refused = |why| screen(TokenError::Refused { token: token(), why });
    let mut all = grant_refused("apex@pve").into_iter();
    let mut next = || all.next().unwrap();
    let text = screens! { GrantRefused, refused;
        DeniedByNoAccess => next();
        Unseen => next();
        WouldLose => next();
        OutOfReach => next();
        Unnameable => next();
    };
    insta::assert_snapshot!(text);
}

#[test]
fn token_errors() {
    let (ssh, said) = (|| read("root@pve"), |text| Some(Foreign::new(text)));
    let pveum = || PVEUM.to_owned();
    let text = screens! { TokenError, screen;
        NoCa => TokenError::NoCa {
            server: "pve.lan:8006".to_owned(),
            why: "the certificate was not issued by the cluster's own CA".to_owned(),
        };
        OtherCaFile => TokenError::OtherCaFile { path: "proxmox-ca.pem".into() };
        NothingToPin => TokenError::NothingToPin;
        OtherFactor => TokenError::OtherFactor { user: read("root@pam"), factors: vec![Foreign::new("webauthn")] },
            TokenError::OtherFactor { user: read("root@pam"), factors: Vec::new() };
        NoNode => TokenError::NoNode { server: "pve.lan:8006".to_owned() };
        Exists => TokenError::Exists { token: token(), regeneration: Regeneration::Offered },
            TokenError::Exists { token: token(), regeneration: Regeneration::Unavailable };
        Unknown => TokenError::Unknown { token: token(), known: vec!["ci".to_owned(), "lab".to_owned()] },
            TokenError::Unknown { token: token(), known: Vec::new() };
        ExpiresBeforeUse => TokenError::ExpiresBeforeUse;
        NotTheSame => TokenError::NotTheSame { old: token(), new: read("apex@pve!glassdome-token-2") };
        Unseen => TokenError::Unseen { who: "apex@pve".to_owned(), admin: read("helpdesk@pve") };
        Refused => TokenError::Refused { token: token(), why: grant_refused("apex@pve").remove(0) };
        MayNotGrant => TokenError::MayNotGrant {
            admin: read("helpdesk@pve"),
            path: "/vms".to_owned(),
            privilege: "Permissions.Modify",
            lines: vec![pveum()],
            token: token(),
        };
        CannotRegenerate => TokenError::CannotRegenerate { token: token() };
        NothingToCreate => TokenError::NothingToCreate { flag: "--expire" };
        ShellGivesAll => TokenError::ShellGivesAll;
        NoDestination => TokenError::NoDestination;
        NoShellInSandbox => TokenError::NoShellInSandbox;
        NoSsh => TokenError::NoSsh { line: pveum() };
        SshUnusable => TokenError::SshUnusable { source: std::io::Error::from_raw_os_error(13), line: pveum() };
        SshFailed => TokenError::SshFailed {
            to: ssh(),
            said: said("root@pve: Permission denied (publickey,password)."),
            line: pveum(),
        };
        NoPveum => TokenError::NoPveum { to: ssh(), line: pveum() };
        PveumFailed => TokenError::PveumFailed { to: ssh(), said: said("no such user ('apex@pve')"), line: pveum() };
        SshGarbage => TokenError::SshGarbage { to: ssh(), length: 512 };
        NoSecret => TokenError::NoSecret;
        LeftOnServer => left_on_server();
        PlanChanged => TokenError::PlanChanged;
        PlanDeclined => TokenError::PlanDeclined;
        ChangedMeanwhile => TokenError::ChangedMeanwhile { who: read("apex@pve") };
        WouldHaveLost => TokenError::WouldHaveLost {
            who: Foreign::new("apex@pve"),
            path: "/vms".to_owned(),
            lost: "VM.Backup".to_owned(),
        };
        UsedElsewhere => TokenError::UsedElsewhere {
            token: token(),
            place: "PROXMOX_02_TOKEN_VALUE".to_owned(),
            file: ".env".into(),
        };
    };
    insta::assert_snapshot!(text);
}

#[test]
fn operations() {
    use Operation as Doing;
    let (vmid, name) = (|| read("100"), |text: &str| text.to_owned());
    let text = screens! { Operation, |operation| line(format!("cannot {operation}"));
        Reach => Doing::Reach(name("pve.lan:8006"));
        VerifyCertificate => Doing::VerifyCertificate(name("pve.lan:8006"));
        StartTls => Doing::StartTls(name("pve.lan:8006"));
        Query => Doing::Query(name("pve.lan:8006"));
        Understand => Doing::Understand(name("pve.lan:8006"));
        Authenticate => Doing::Authenticate(name("pve.lan:8006"));
        LogIn => Doing::LogIn(name("root@pam"));
        AnswerChallenge => Doing::AnswerChallenge(name("root@pam"));
        ReadNodes => Doing::ReadNodes;
        ReadCertificates => Doing::ReadCertificates;
        ReadTemplate => Doing::ReadTemplate(read("9000"));
        ReadVms => Doing::ReadVms;
        ReadStorages => Doing::ReadStorages(read("pve"));
        ReadPrivileges => Doing::ReadPrivileges;
        ReadAccess => Doing::ReadAccess;
        ReadPools => Doing::ReadPools;
        ReadTokens => Doing::ReadTokens(name("apex@pve"));
        CreateToken => Doing::CreateToken(name("token apex@pve!tok"));
        RevokeToken => Doing::RevokeToken(name("token apex@pve!tok"));
        ChangeAccess => Doing::ChangeAccess(replacing());
        ReadTasks => Doing::ReadTasks;
        FindId => Doing::FindId;
        Clone => Doing::Clone { template: read("9000"), vmid: vmid() };
        ReadVm => Doing::ReadVm(vmid());
        LinksDown => Doing::LinksDown(vmid());
        Start => Doing::Start(vmid());
        AskAgent => Doing::AskAgent(vmid());
        Stop => Doing::Stop(vmid());
        Unprotect => Doing::Unprotect(vmid());
        Destroy => Doing::Destroy(vmid());
        Abort => Doing::Abort;
        FetchImage => Doing::FetchImage(name("jammy.img"));
        SendImage => Doing::SendImage(name("jammy.img"));
        RemoveImage => Doing::RemoveImage(name("local:import/jammy.img"));
        ReadImages => Doing::ReadImages(name("local"));
        CreateVm => Doing::CreateVm(vmid());
        Resize => Doing::Resize(vmid());
        Convert => Doing::Convert(vmid());
    };
    insta::assert_snapshot!(text);
}
